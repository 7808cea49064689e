import type { ButtonHTMLAttributes, ComponentChildren, Ref } from "preact";
import { Icon, type IconNode } from "../icon/icon.tsx";
import "./button.css";

type Native = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "class" | "className" | "icon" | "size" | "label" | "children">;

interface Look extends Native {
  /** One primary in a view: what it is there for. */
  tone?: "primary" | "plain" | "quiet" | "danger";
  size?: "small" | "medium";
  class?: string;
  ref?: Ref<HTMLButtonElement>;
}

export interface ButtonProps extends Look {
  icon?: IconNode;
  children: ComponentChildren;
}

export interface IconButtonProps extends Look {
  icon: IconNode;
  /** The name. A tooltip may repeat it, but is none. */
  label: string;
}

const classes = (...names: (string | undefined | false)[]): string => names.filter(Boolean).join(" ");

export const Button = ({ tone = "plain", size = "medium", icon, class: own, children, ...native }: ButtonProps) => (
  <button type="button" {...native} class={classes("ui-button", `ui-${tone}`, size === "small" && "ui-small", own)}>
    {icon && <Icon icon={icon} />}
    {children}
  </button>
);

export const IconButton = ({ tone = "quiet", size = "medium", icon, label, class: own, ...native }: IconButtonProps) => (
  <button type="button" aria-label={label} {...native} class={classes("ui-button ui-icon-button", `ui-${tone}`, size === "small" && "ui-small", own)}>
    <Icon icon={icon} size={size === "small" ? 16 : 18} />
  </button>
);
