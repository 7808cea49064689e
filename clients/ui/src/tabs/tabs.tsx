import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";
import "./tabs.css";

export interface Tab {
  id: string;
  label: string;
  /** A figure beside the label. */
  after?: ComponentChildren;
}

export interface TabsProps {
  label: string;
  tabs: readonly Tab[];
  value: string;
  /** With the focus, so a panel should show at once what it has. */
  onChange(id: string): void;
  children: ComponentChildren;
}

/** A panel that has nothing to focus gets the focus itself. */
export function Tabs({ label, tabs, value, onChange, children }: TabsProps) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const at = tabs.findIndex((tab) => tab.id === value);

  function keyed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isRtl = list.current !== null && getComputedStyle(list.current).direction === "rtl";
    const [next, previous] = isRtl ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
    const to = { [next as string]: at + 1, [previous as string]: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = (to + tabs.length) % tabs.length;
    const tab = tabs[index];
    if (!tab) return;
    list.current?.querySelectorAll<HTMLElement>("[role=tab]")[index]?.focus();
    onChange(tab.id);
  }

  return (
    <div class="ui-tabs">
      <div ref={list} class="ui-tab-list" role="tablist" aria-label={label} onKeyDown={keyed}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            id={`${id}-${tab.id}`}
            class="ui-tab"
            role="tab"
            aria-selected={tab.id === value}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === value ? 0 : -1}
            onClick={() => onChange(tab.id)}
          >
            {tab.label}
            {tab.after}
          </button>
        ))}
      </div>
      <div id={`${id}-panel`} class="ui-tab-panel" role="tabpanel" aria-labelledby={`${id}-${value}`} tabIndex={0}>
        {children}
      </div>
    </div>
  );
}
