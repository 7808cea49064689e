import type { ComponentChildren } from "preact";
import "./switch.css";

interface Props {
  checked: boolean;
  onChange(checked: boolean): void;
  children: ComponentChildren;
  disabled?: boolean;
}

/** Acts at once; for what is sent with a form later, a checkbox is better. */
export const Switch = ({ checked, onChange, children, disabled }: Props) => (
  <label class="ui-switch">
    <input type="checkbox" role="switch" checked={checked} disabled={disabled} onChange={({ currentTarget }) => onChange(currentTarget.checked)} />
    <span>{children}</span>
  </label>
);
