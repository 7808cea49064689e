/** A field and, below it, what is found by it: one is chosen by the arrows and Enter, or by the pointer. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../words/words.ts";
import "./palette.css";

interface Props<Item> {
  /** Begins the ids of its elements. */
  name: string;
  hint: string;
  label: string;
  find(query: string): readonly Item[];
  onChoose(item: Item): void;
  children(item: Item): ComponentChildren;
}

export function Choices<Item extends { id: string }>({ name, hint, label, find, onChoose, children }: Props<Item>) {
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const found = find(query);
  const at = Math.min(active, found.length - 1);
  useLayoutEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [at, query]);

  function keyed(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const chosen = found[at];
    if (step !== undefined) setActive((at + step + found.length) % Math.max(1, found.length));
    else if (event.key !== "Enter") return;
    else if (chosen) onChoose(chosen);
    event.preventDefault();
  }

  return (
    <div class="palette">
      <input
        class="ui-input"
        type="text"
        role="combobox"
        dir="auto"
        autocomplete="off"
        spellcheck={false}
        autofocus
        aria-label={hint}
        aria-expanded="true"
        aria-controls={`${name}-list`}
        aria-autocomplete="list"
        aria-activedescendant={found[at] ? `${name}-${at}` : undefined}
        placeholder={hint}
        value={query}
        onInput={({ currentTarget }) => {
          setQuery(currentTarget.value);
          setActive(0);
        }}
        onKeyDown={keyed}
      />
      <div ref={list} id={`${name}-list`} class="palette-list" role="listbox" aria-label={label} tabIndex={-1}>
        {found.map((item, index) => (
          <div
            key={item.id}
            id={`${name}-${index}`}
            class={index === at ? "ui-entry ui-current" : "ui-entry"}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => setActive(index)}
            onClick={() => onChoose(item)}
          >
            {children(item)}
          </div>
        ))}
      </div>
      {found.length === 0 && <p>{t("nothingFound")}</p>}
    </div>
  );
}
