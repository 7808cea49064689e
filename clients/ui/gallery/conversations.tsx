import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Avatar, Badge, List, Switch, most } from "../src/index.ts";
import { type Chat, chats, fill, start, update } from "./feed.ts";
import { Section } from "./section.tsx";
import { did } from "./state.ts";
import type { Texts } from "./texts.ts";

const keyOf = ({ id }: Chat): string => id;
const row = ({ id, name, text, unread }: Chat) => (
  <div class={unread > 0 ? "chat unread" : "chat"}>
    <Avatar id={id} name={name} size={32} />
    <div class="chat-texts">
      <div class="chat-name" dir="auto">{name}</div>
      <div class="chat-text" dir="auto">{text}</div>
    </div>
    {unread > 0 && <Badge tone="accent">{most(unread)}</Badge>}
  </div>
);

export function Conversations({ t }: { t: Texts }) {
  const busy = useSignal(false);
  const holds = useSignal(true);
  const open = useSignal<ReadonlySet<string>>(new Set());
  if (chats.peek().length === 0) fill(10_000);
  useEffect(() => {
    const several = () => {
      for (let count = 0; count < 10; count++) update();
    };
    addEventListener("gallery-updates", several);
    return () => removeEventListener("gallery-updates", several);
  }, []);
  useEffect(() => (busy.value ? start(240) : undefined), [busy.value]);
  return (
    <Section title={t.list} wide>
      <div class="line">
        <Switch checked={busy.value} onChange={(on) => void (busy.value = on)}>{t.busy}</Switch>
        <Switch checked={holds.value} onChange={(on) => void (holds.value = on)}>{t.hold}</Switch>
      </div>
      <div class="box">
        <List
          label={t.listLabel}
          items={chats}
          keyOf={keyOf}
          rowHeight={56}
          row={row}
          holdsOrder={holds.value}
          selected={open.value}
          empty={t.empty}
          onOpen={(chat) => {
            open.value = new Set([chat.id]);
            did(`opened ${chat.id}`);
          }}
        />
      </div>
    </Section>
  );
}
