/** A field that finds one of many: ARIA 1.2's combobox with a listbox. The focus stays in the field. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, icons } from "../icon/icon.tsx";
import { anchored } from "../popover/anchored.ts";
import { Field, told } from "../text-field/field.tsx";
import { useWords } from "../words/words.ts";
import type { Option } from "./filter.ts";
import { Finder, type Source } from "./finder.ts";
import "../popover/popover.css";
import "./combobox.css";

export interface ComboboxProps<T extends Option> {
  label: string;
  /** All there are, or a question to a server. */
  options: Source<T>;
  value: T | null;
  /** Null where the field was emptied. */
  onChange(value: T | null): void;
  hint?: string;
  placeholder?: string;
  /** What stands before a label. */
  before?(option: T): ComponentChildren;
}

const PAGE = 8;

export function Combobox<T extends Option>({ label, options, value, onChange, hint, placeholder, before }: ComboboxProps<T>) {
  const id = useId();
  const words = useWords();
  const input = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [finder] = useState(() => new Finder<T>());
  // Null while nothing was typed: the field then has the value's label.
  const [query, setQuery] = useState<string | null>(null);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const { options: found, state } = finder.found.value;
  const current = open ? found[active] : undefined;
  const optionId = (index: number) => `${id}-option-${index}`;

  useEffect(() => () => finder.stop(), []);

  useLayoutEffect(() => {
    if (!open || !list.current || !input.current) return;
    list.current.showPopover();
    return anchored(list.current, input.current, { isAsWide: true });
  }, [open]);

  useLayoutEffect(() => {
    if (current) document.getElementById(optionId(active))?.scrollIntoView({ block: "nearest" });
  }, [active, current]);

  function show(text: string, at: number): void {
    finder.find(options, text);
    setActive(at);
    setOpen(true);
  }

  function close(): void {
    finder.stop();
    setOpen(false);
    setQuery(null);
  }

  function choose(option: T): void {
    if (option.disabled) return;
    close();
    onChange(option);
  }

  const typed = (text: string) => {
    setQuery(text);
    show(text, text === "" ? -1 : 0);
  };

  function move(to: number): void {
    if (open) setActive(found.length === 0 ? -1 : (to + found.length) % found.length);
    else show("", Math.max(0, Array.isArray(options) ? options.findIndex((option: T) => option.id === value?.id) : 0));
  }

  function keyed(event: KeyboardEvent): void {
    // Keys of an input method belong to it; Safari sends its Enter after the end, with 229.
    if (event.isComposing || event.keyCode === 229 || event.ctrlKey || event.metaKey || event.altKey) return;
    // The console's single keys rest in a field, and an open list takes Escape from the dialog around it.
    const { key } = event;
    if (key === "ArrowDown") move(active + 1);
    else if (key === "ArrowUp") move(active < 0 ? -1 : active - 1);
    else if (!open) return;
    else if (key === "PageDown") setActive(Math.min(active + PAGE, found.length - 1));
    else if (key === "PageUp") setActive(Math.max(active - PAGE, 0));
    else if (key === "Enter" && current) choose(current);
    else if (key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function left(): void {
    if (query !== null && query.trim() === "" && value) onChange(null);
    close();
  }

  const nothing = found.length > 0 ? null : { done: words.nothingFound, waiting: words.loading, failed: words.notLoaded }[state];
  const status = state === "done" && found.length > 0 ? words.results(found.length) : (nothing ?? "");
  return (
    <Field id={id} label={label} hint={hint}>
      <div class="ui-combobox-field">
        <input
          ref={input}
          id={id}
          class="ui-input"
          type="text"
          role="combobox"
          dir="auto"
          autocomplete="off"
          spellcheck={false}
          placeholder={placeholder ?? ""}
          aria-expanded={open}
          aria-controls={open ? `${id}-list` : undefined}
          aria-autocomplete="list"
          aria-activedescendant={current ? optionId(active) : undefined}
          aria-describedby={told(id, hint)}
          value={query ?? value?.label ?? ""}
          onInput={({ currentTarget }) => typed(currentTarget.value)}
          onKeyDown={keyed}
          onClick={() => !open && move(0)}
          onBlur={left}
        />
        <Icon icon={icons.down} />
      </div>
      <span class="ui-unseen" role="status">{open ? status : ""}</span>
      {open && (
        <div ref={list} class="ui-popover ui-options" popover="manual" onPointerDown={(event) => event.preventDefault()}>
          <div id={`${id}-list`} role="listbox" aria-label={label} aria-busy={state === "waiting"}>
            {found.map((option, index) => (
              <div
                key={option.id}
                id={optionId(index)}
                class={index === active ? "ui-entry ui-current" : "ui-entry"}
                role="option"
                aria-selected={option.id === value?.id}
                aria-disabled={option.disabled}
                onPointerMove={() => setActive(index)}
                onClick={() => choose(option)}
              >
                {before?.(option)}
                <span class="ui-entry-text" dir="auto">{option.label}</span>
                <span class="ui-tick">{option.id === value?.id && <Icon icon={icons.check} />}</span>
              </div>
            ))}
          </div>
          {nothing && <p class={state === "waiting" ? "ui-nothing ui-waits" : "ui-nothing"}>{nothing}</p>}
        </div>
      )}
    </Field>
  );
}
