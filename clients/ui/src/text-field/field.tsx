import type { ComponentChildren } from "preact";
import "./text-field.css";

interface Props {
  id: string;
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: ComponentChildren;
}

/** A label above and what is told below: by `told` a field names it as its description. */
export const Field = ({ id, label, hint, error, children }: Props) => (
  <div class="ui-field">
    <label for={id}>{label}</label>
    {children}
    {hint && <p class="ui-hint" id={`${id}-hint`}>{hint}</p>}
    {error && <p class="ui-error" id={`${id}-error`}>{error}</p>}
  </div>
);

export const told = (id: string, hint?: string, error?: string): string | undefined =>
  [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
