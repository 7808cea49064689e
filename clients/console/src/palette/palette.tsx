/** Every action with its key, and conversations, recent ones first: Ctrl or Cmd + K. */
import { filter, Dialog, Icon, Kbd, type Option } from "@switchboard/ui";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import type { Console } from "../app/console.ts";
import * as icons from "../app/icons.ts";
import { openChat } from "../app/route.ts";
import { COMMANDS } from "../keys/commands.ts";
import { ORDERS } from "../lists/filters.ts";
import { t } from "../words/words.ts";
import "./palette.css";

interface Entry extends Option {
  keys?: string | undefined;
  isChat: boolean;
  run(): void;
}

const RECENT = 5;
const FOUND = 30;
const SEARCHED = 2_000;

/** The conversations that changed last. */
function recent(console: Console): Entry[] {
  const rows = [...console.desk.rows()].sort(ORDERS.recent).slice(0, SEARCHED);
  return rows.map((row) => ({ id: `chat-${row.id}`, label: row.name, keywords: `${row.email ?? ""} ${row.id}`, isChat: true, run: () => openChat(row.id) }));
}

const commands = (console: Console): Entry[] =>
  COMMANDS.filter((one) => !one.isPlace && (one.can?.(console) ?? true)).map((one) => ({ id: one.id, label: t(one.label), keys: one.keys, isChat: false, run: () => one.run(console) }));

export function Palette() {
  const console = useConsole();
  const { layer } = console;
  const close = () => void (layer.value = null);
  return (
    <Dialog open={layer.value === "palette"} onClose={close} title={t("palette")} size="medium" closesOnBackdrop>
      <Choices onDone={close} />
    </Dialog>
  );
}

function Choices({ onDone }: { onDone(): void }) {
  const console = useConsole();
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  // What can be done was decided before the dialog took the focus.
  const [all] = useState(() => commands(console));
  const [chats] = useState(() => recent(console));
  const found = filter(query === "" ? [...chats.slice(0, RECENT), ...all] : [...all, ...chats], query, FOUND);
  const at = Math.min(active, found.length - 1);

  useLayoutEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [at, query]);

  function choose(entry: Entry | undefined): void {
    if (!entry) return;
    onDone();
    // The focus is given back first.
    setTimeout(() => entry.run());
  }

  function keyed(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setActive((at + step + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") choose(found[at]);
    else return;
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
        aria-label={t("paletteHint")}
        aria-expanded="true"
        aria-controls="palette-list"
        aria-autocomplete="list"
        aria-activedescendant={found[at] ? `palette-${at}` : undefined}
        placeholder={t("paletteHint")}
        value={query}
        onInput={({ currentTarget }) => {
          setQuery(currentTarget.value);
          setActive(0);
        }}
        onKeyDown={keyed}
      />
      <div ref={list} id="palette-list" class="palette-list" role="listbox" aria-label={t("palette")} tabIndex={-1}>
        {found.map((entry, index) => (
          <div
            key={entry.id}
            id={`palette-${index}`}
            class={index === at ? "ui-entry ui-current" : "ui-entry"}
            role="option"
            aria-selected={index === at}
            onPointerMove={() => setActive(index)}
            onClick={() => choose(entry)}
          >
            <Icon icon={entry.isChat ? icons.person : icons.keyboard} />
            <span class="ui-entry-text" dir="auto">{entry.label}</span>
            {entry.keys && <Kbd keys={entry.keys} />}
          </div>
        ))}
      </div>
      {found.length === 0 && <p>{t("nothingFound")}</p>}
    </div>
  );
}
