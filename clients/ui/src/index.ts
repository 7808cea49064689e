/**
 * The kit: tokens and primitives, a folder each.
 */
import "./tokens/tokens.css";
import "./base/base.css";
import "./icon/icon.css";

export { Avatar, type Presence } from "./avatar/avatar.tsx";
export { initials } from "./avatar/initials.ts";
export { Badge, most } from "./badge/badge.tsx";
export { Button, type ButtonProps, IconButton, type IconButtonProps } from "./button/button.tsx";
export { Combobox, type ComboboxProps } from "./combobox/combobox.tsx";
export { type Option, filter } from "./combobox/filter.ts";
export type { Load, Source } from "./combobox/finder.ts";
export { Dialog, type DialogProps } from "./dialog/dialog.tsx";
export { Icon, type IconNode, icons } from "./icon/icon.tsx";
export { Kbd } from "./kbd/kbd.tsx";
export { keyShortcuts, isMac } from "./kbd/keys.ts";
export { List, type ListProps } from "./list/list.tsx";
export type { RowState } from "./list/row.tsx";
export { Menu, type MenuAction, type MenuEntry, type MenuProps, type MenuTrigger } from "./menu/menu.tsx";
export { type Anchoring, anchored } from "./popover/anchored.ts";
export { Skeleton } from "./skeleton/skeleton.tsx";
export { Switch } from "./switch/switch.tsx";
export { type Tab, Tabs, type TabsProps } from "./tabs/tabs.tsx";
export { TextField, type TextFieldProps } from "./text-field/text-field.tsx";
export { type Toast, Toasts } from "./toasts/queue.ts";
export { Toaster } from "./toasts/toaster.tsx";
export { type Theme, setTheme } from "./tokens/theme.ts";
export { type Tip, Tooltips, tip } from "./tooltip/tooltip.tsx";
export { type KitWords, Words } from "./words/words.ts";
