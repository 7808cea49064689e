import type { Ref } from "preact";
import { useId } from "preact/hooks";
import "./text-field.css";

type Field = HTMLInputElement | HTMLTextAreaElement;

export interface TextFieldProps {
  label: string;
  value: string;
  /** Each change, during composition too. */
  onText(value: string): void;
  hint?: string | undefined;
  /** What is wrong and how to mend it; the field is marked while there is one. */
  error?: string | undefined;
  type?: "text" | "email" | "password" | "search" | "tel" | "url";
  /** A field of several lines. */
  lines?: number;
  name?: string;
  placeholder?: string;
  autocomplete?: string;
  maxLength?: number;
  required?: boolean;
  disabled?: boolean;
  autofocus?: boolean;
  onKeyDown?(event: KeyboardEvent): void;
  onBlur?(event: FocusEvent): void;
  ref?: Ref<Field>;
}

export function TextField({ label, value, onText, hint, error, type = "text", lines, ref, ...native }: TextFieldProps) {
  const id = useId();
  const told = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const field = {
    id,
    value,
    class: "ui-input",
    "aria-invalid": error ? true : undefined,
    "aria-describedby": told || undefined,
    onInput: ({ currentTarget }: { currentTarget: { value: string } }) => onText(currentTarget.value),
  };
  return (
    <div class="ui-field">
      <label for={id}>{label}</label>
      {lines ? (
        <textarea dir="auto" {...native} {...field} rows={lines} ref={ref as Ref<HTMLTextAreaElement>} />
      ) : (
        <input dir="auto" {...native} {...field} type={type as "text"} ref={ref as Ref<HTMLInputElement>} />
      )}
      {hint && <p class="ui-hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p class="ui-error" id={`${id}-error`}>{error}</p>}
    </div>
  );
}
