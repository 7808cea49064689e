/** Every action with its key, and conversations, recent ones first: Ctrl or Cmd + K. */
import { filter, Dialog, Icon, Kbd, type Option } from "@switchboard/ui";
import { useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import type { Console } from "../app/console.ts";
import * as icons from "../app/icons.ts";
import { openChat } from "../app/route.ts";
import { COMMANDS } from "../keys/commands.ts";
import { ORDERS } from "../lists/filters.ts";
import { t } from "../words/words.ts";
import { Choices } from "./choices.tsx";

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
      <Actions onDone={close} />
    </Dialog>
  );
}

function Actions({ onDone }: { onDone(): void }) {
  const console = useConsole();
  // What can be done was decided before the dialog took the focus.
  const [all] = useState(() => commands(console));
  const [chats] = useState(() => recent(console));
  const find = (query: string) => filter(query === "" ? [...chats.slice(0, RECENT), ...all] : [...all, ...chats], query, FOUND);

  function choose(entry: Entry): void {
    onDone();
    // The focus is given back first.
    setTimeout(() => entry.run());
  }

  return (
    <Choices name="palette" hint={t("paletteHint")} label={t("palette")} find={find} onChoose={choose}>
      {(entry) => (
        <>
          <Icon icon={entry.isChat ? icons.person : icons.keyboard} />
          <span class="ui-entry-text" dir="auto">{entry.label}</span>
          {entry.keys && <Kbd keys={entry.keys} />}
        </>
      )}
    </Choices>
  );
}
