import type { Ref } from "preact";
import { useId } from "preact/hooks";
import { Field, told } from "./field.tsx";

type Control = HTMLInputElement | HTMLTextAreaElement;

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
  ref?: Ref<Control>;
}

export function TextField({ label, value, onText, hint, error, type = "text", lines, ref, ...native }: TextFieldProps) {
  const id = useId();
  const field = {
    id,
    value,
    class: "ui-input",
    "aria-invalid": error ? true : undefined,
    "aria-describedby": told(id, hint, error),
    onInput: ({ currentTarget }: { currentTarget: { value: string } }) => onText(currentTarget.value),
  };
  return (
    <Field id={id} label={label} hint={hint} error={error}>
      {lines ? (
        <textarea dir="auto" {...native} {...field} rows={lines} ref={ref as Ref<HTMLTextAreaElement>} />
      ) : (
        <input dir="auto" {...native} {...field} type={type as "text"} ref={ref as Ref<HTMLInputElement>} />
      )}
    </Field>
  );
}
