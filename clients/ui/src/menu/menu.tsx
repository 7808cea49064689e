import type { ComponentChildren, Ref } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconNode, icons } from "../icon/icon.tsx";
import { Kbd } from "../kbd/kbd.tsx";
import { isMac, keyShortcuts } from "../kbd/keys.ts";
import { type Anchoring, anchored } from "../popover/anchored.ts";
import { TypeAhead } from "./type-ahead.ts";
import "../popover/popover.css";
import "./menu.css";

export interface MenuAction {
  id: string;
  label: string;
  icon?: IconNode;
  /** The shortcut that does the same, as `mod+k`. It is shown, not bound. */
  keys?: string;
  tone?: "danger";
  disabled?: boolean;
  /** Makes it a choice with a tick. */
  checked?: boolean;
  /** Is called when the menu is closed and its button has the focus again. */
  onSelect(): void;
}

export type MenuEntry = MenuAction | "line";

/** To be spread on the button. */
export interface MenuTrigger {
  ref: Ref<HTMLButtonElement>;
  "aria-haspopup": "menu";
  "aria-expanded": boolean;
  "aria-controls": string | undefined;
  onPointerDown(): void;
  onClick(event: MouseEvent): void;
  onKeyDown(event: KeyboardEvent): void;
}

export interface MenuProps {
  label: string;
  entries: readonly MenuEntry[];
  align?: NonNullable<Anchoring["align"]>;
  children(trigger: MenuTrigger): ComponentChildren;
}

type Focus = "menu" | "first" | "last";

export function Menu({ label, entries, align, children }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const [open, setOpen] = useState<Focus | null>(null);
  // A press on the button closes the menu as one outside of it, before the click comes.
  const wasOpen = useRef(false);
  const trigger: MenuTrigger = {
    ref: button,
    "aria-haspopup": "menu",
    "aria-expanded": open !== null,
    "aria-controls": open === null ? undefined : id,
    onPointerDown: () => void (wasOpen.current = open !== null),
    onClick: ({ detail }) => {
      const isPointer = detail > 0;
      if (!isPointer || !wasOpen.current) setOpen(isPointer ? "menu" : "first");
      wasOpen.current = false;
    },
    onKeyDown: (event) => {
      const focus = ({ ArrowDown: "first", ArrowUp: "last" } as const)[event.key];
      if (!focus) return;
      event.preventDefault();
      setOpen(focus);
    },
  };
  return (
    <>
      {children(trigger)}
      {open && <OpenMenu id={id} label={label} entries={entries} align={align ?? "start"} button={button.current} focus={open} onClosed={() => setOpen(null)} />}
    </>
  );
}

interface OpenProps extends Required<Pick<MenuProps, "label" | "entries" | "align">> {
  id: string;
  button: HTMLButtonElement | null;
  focus: Focus;
  onClosed(): void;
}

function OpenMenu({ id, label, entries, align, button, focus, onClosed }: OpenProps) {
  const ref = useRef<HTMLDivElement>(null);
  const typed = useRef(new TypeAhead());
  const items = () => [...(ref.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];

  useLayoutEffect(() => {
    const menu = ref.current;
    if (!menu || !button) return;
    // Safari does not focus a button at a click, and the platform gives back the focus that was.
    button.focus({ preventScroll: true });
    menu.showPopover();
    const end = anchored(menu, button, { align });
    const first = focus === "menu" ? menu : items().at(focus === "first" ? 0 : -1);
    first?.focus({ preventScroll: true });
    return end;
  }, []);

  const close = () => ref.current?.hidePopover();
  const select = ({ onSelect, disabled }: MenuAction) => {
    if (disabled) return;
    close();
    onSelect();
  };

  function move(event: KeyboardEvent): void {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = (index: number) => {
      event.preventDefault();
      all[(index + all.length) % all.length]?.focus();
    };
    // The console's single keys rest while a menu has the focus.
    event.stopPropagation();
    if (event.key === "ArrowDown") to(at + 1);
    else if (event.key === "ArrowUp") to(at < 0 ? -1 : at - 1);
    else if (event.key === "Home") to(0);
    else if (event.key === "End") to(-1);
    else if (event.key === "Tab") close();
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (event.key === " " && !typed.current.isTyping(event.timeStamp)) return;
      event.preventDefault();
      const found = typed.current.find(event.key, all.map(({ textContent }) => textContent ?? ""), at, event.timeStamp);
      if (found >= 0) to(found);
    }
  }

  return (
    <div
      ref={ref}
      id={id}
      class="ui-popover ui-menu"
      role="menu"
      aria-label={label}
      popover="auto"
      tabIndex={-1}
      onKeyDown={move}
      onToggle={({ newState }) => newState === "closed" && onClosed()}
    >
      {entries.map((entry, index) =>
        entry === "line" ? (
          <div key={`line-${index}`} role="separator" class="ui-line" />
        ) : (
          <button
            key={entry.id}
            type="button"
            class={entry.tone ? `ui-entry ui-${entry.tone}` : "ui-entry"}
            role={entry.checked === undefined ? "menuitem" : "menuitemcheckbox"}
            tabIndex={-1}
            aria-checked={entry.checked}
            aria-disabled={entry.disabled}
            aria-keyshortcuts={entry.keys && keyShortcuts(entry.keys, isMac())}
            onPointerMove={({ currentTarget }) => currentTarget.focus({ preventScroll: true })}
            onPointerLeave={() => ref.current?.focus({ preventScroll: true })}
            onClick={() => select(entry)}
          >
            {entry.icon && <Icon icon={entry.icon} />}
            <span class="ui-entry-text">{entry.label}</span>
            {entry.keys && <Kbd keys={entry.keys} />}
            {entry.checked !== undefined && <span class="ui-tick">{entry.checked && <Icon icon={icons.check} />}</span>}
          </button>
        ),
      )}
    </div>
  );
}
