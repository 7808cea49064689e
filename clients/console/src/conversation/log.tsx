/** The messages of a conversation. */
import { Button, Icon, Skeleton } from "@switchboard/ui";
import type { ChatView } from "@switchboard/sdk";
import type { ReadonlySignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import type { Row } from "../desk/rows.ts";
import { many, t, times } from "../words/words.ts";
import { Actions, told } from "./activity.ts";
import { linesOf } from "./log-rows.ts";
import { Message } from "./message.tsx";
import type { LogScroll } from "./scroll.ts";

interface Props {
  chat: ReadonlySignal<ChatView | null>;
  row: Row;
  scroll: LogScroll;
  /** A message to show, of a link. */
  found: number | null;
}

const FOUND_MS = 2_000;
/** So many lines are more than a window has. */
const FIRST_LINES = 30;

export function Log({ chat, row, scroll, found }: Props) {
  const console = useConsole();
  const { client } = console.desk;
  const view = chat.value;
  const messages = view?.messages ?? [];
  const box = useRef<HTMLDivElement>(null);
  const [actions] = useState(() => new Actions(client, row.id));
  const unreadFrom = useDivider(chat);
  const lines = useMemo(() => linesOf(messages, actions.all.value, unreadFrom, view?.hasOlder ?? true), [messages, actions.all.value, unreadFrom, view?.hasOlder]);
  const fresh = useFresh(view, scroll);
  const isWhole = useWhole();
  const shown = isWhole ? lines : lines.slice(-FIRST_LINES);
  const visitor = useMemo(() => ({ name: row.name, id: row.clientId }), [row.name, row.clientId]);
  const first = useRef<string | undefined>(undefined);
  const marked = useFound(found, view, scroll, isWhole);

  useEffect(() => () => actions.stop(), [actions]);
  useLayoutEffect(() => {
    scroll.attach(box.current);
    return () => scroll.attach(null);
  }, [scroll]);
  useLayoutEffect(() => {
    // A day stays the first line while its messages come in below it.
    const now = shown.find(({ kind }) => kind === "message")?.key;
    scroll.drawn(first.current !== undefined && now !== first.current);
    first.current = now;
  }, [shown]);

  const copy = useMemo(
    () => (text: string) =>
      void navigator.clipboard?.writeText(text).then(
        () => console.toasts.show({ text: t("copied") }),
        () => console.toasts.show({ text: t("notCopied"), tone: "danger" }),
      ),
    [console],
  );

  return (
    <div class="log-frame">
      <div ref={box} class="log" tabIndex={0} role="region" aria-label={t("messages")} onScroll={() => scroll.scrolled()} onKeyDown={(event) => moveIn(event, scroll)}>
        <div class="log-lines" role="log" aria-live="off">
          
          {messages.length === 0 && !view?.isOpen && <Waiting />}
          {messages.length === 0 && view?.isOpen && <p class="log-action">{t("noMessages")}</p>}
          {shown.map((line) => {
            if (line.kind === "day") {
              return (
                <p key={line.key} class="log-day">
                  {times().day(line.at)}
                </p>
              );
            }
            if (line.kind === "new") {
              return (
                <p key={line.key} class="log-new">
                  <span>{t("newLine")}</span>
                </p>
              );
            }
            if (line.kind === "action") {
              const text = told(line.action);
              return text === null ? null : (
                <p key={line.key} class="log-action" title={times().full(line.action.at)} dir="auto">
                  {text}
                </p>
              );
            }
            const { message } = line;
            return <Message key={line.key} chat={row.id} {...{ message, isFirst: line.isFirst, showsTick: line.showsTick }} isFound={marked === message.id} client={client} visitor={visitor} onCopy={copy} />;
          })}
        </div>
      </div>
      {view?.loadingOlder && (
        <div class="log-older" aria-busy="true">
          <Skeleton width="30%" />
        </div>
      )}
      {!scroll.isAtEnd.value && (
        <Button class="log-down" size="small" onClick={() => scroll.toEnd()}>
          <Icon icon={icons.down} size={14} />
          {fresh > 0 ? many("newMessages", fresh) : t("latest")}
        </Button>
      )}
    </div>
  );
}

/** What is in sight is drawn first, and what is above it a moment later. */
function useWhole(): boolean {
  const [isWhole, setWhole] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setWhole(true), 50);
    return () => clearTimeout(timer);
  }, []);
  return isWhole;
}

const Waiting = () => (
  <div class="log-wait" aria-busy="true">
    <Skeleton width="40%" height="36px" shape="block" />
    <Skeleton width="55%" height="52px" shape="block" />
    <Skeleton width="30%" height="36px" shape="block" />
  </div>
);

function moveIn(event: KeyboardEvent, scroll: LogScroll): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "End") scroll.toEnd();
  else if (event.key === "PageDown") scroll.page(1);
  else if (event.key === "PageUp") scroll.page(-1);
  else return;
  event.preventDefault();
}

/** Rule 11: where the unread begins is decided at opening, and stays until the conversation is left. */
function useDivider(chat: ReadonlySignal<ChatView | null>): number | null {
  const { desk } = useConsole();
  const [from, setFrom] = useState<number | null>(null);
  const decided = useRef(false);
  const view = chat.value;
  useLayoutEffect(() => {
    if (decided.current || !view?.isOpen || view.messages.length === 0) return;
    decided.current = true;
    const own = view.marks.find((mark) => mark.reader_type === "user" && mark.reader_id === desk.account.id);
    if (view.unread > 0) setFrom(own?.read_seq ?? 0);
  }, [view]);
  return from;
}

/** How many messages have come while the end was out of sight. */
function useFresh(view: ChatView | null, scroll: LogScroll): number {
  const seen = useRef(0);
  const last = view?.messages.findLast(({ seq }) => seq !== null)?.seq ?? 0;
  if (scroll.isAtEnd.value || seen.current === 0) seen.current = last;
  return view?.messages.filter(({ mine, seq, sender }) => !mine && sender.type !== "system" && seq !== null && seq > seen.current).length ?? 0;
}

/** Rule 16: the message of a link is marked for two seconds. Older parts are read until it is there. */
function useFound(id: number | null, view: ChatView | null, scroll: LogScroll, isWhole: boolean): number | null {
  const { desk } = useConsole();
  const [marked, setMarked] = useState<number | null>(null);
  const done = useRef<number | null>(null);
  const isThere = id !== null && view?.messages.some((message) => message.id === id) === true;
  useLayoutEffect(() => {
    if (id === null || !view?.isOpen || !isWhole || done.current === id) return;
    if (!isThere) {
      if (view.hasOlder && !view.loadingOlder) void desk.client.loadOlder(view.id).catch(() => undefined);
      return;
    }
    done.current = id;
    scroll.to(`[data-id="${id}"]`);
    setMarked(id);
    setTimeout(() => setMarked(null), FOUND_MS);
  }, [id, isThere, view, isWhole]);
  return marked;
}
