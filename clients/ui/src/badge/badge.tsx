import type { ComponentChildren } from "preact";
import "./badge.css";

interface Props {
  tone?: "neutral" | "accent" | "danger" | "success" | "warning";
  /** What is said instead of the bare figure. */
  label?: string;
  children: ComponentChildren;
}

export const Badge = ({ tone = "neutral", label, children }: Props) => (
  <span class={`ui-badge ui-${tone}`}>
    {label ? (
      <>
        <span aria-hidden="true">{children}</span>
        <span class="ui-unseen">{label}</span>
      </>
    ) : (
      children
    )}
  </span>
);

/** A figure that never grows wide. */
export const most = (count: number, limit = 99): string => (count > limit ? `${limit}+` : `${count}`);
