/** The conversation that is open, with what is known of its visitor beside it. */
import { effect } from "@preact/signals";
import { Button } from "@switchboard/ui";
import { asApiError } from "@switchboard/sdk";
import { useEffect, useLayoutEffect, useMemo, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import { isNarrow } from "../app/media.ts";
import { openChat, route } from "../app/route.ts";
import { settings } from "../settings/settings.ts";
import { VisitorPanel } from "../visitor/panel.tsx";
import { t } from "../words/words.ts";
import { Composer } from "./composer.tsx";
import { Header } from "./header.tsx";
import { Log } from "./log.tsx";
import { reading } from "./reading.ts";
import { LogScroll } from "./scroll.ts";
import "./conversation.css";

const AGAIN_MS = 3_000;

export function Conversation() {
  const at = route.value;
  const id = at.page === "lists" ? at.chat : null;
  if (id === null) return <Nothing />;
  return <Open key={id} id={id} found={at.page === "lists" ? at.message : null} />;
}

function Nothing() {
  return (
    <section class="chat chat-none" aria-label={t("conversation")}>
      <p>{t("nothingOpen")}</p>
    </section>
  );
}

/** Opens it, and again where the network was away. */
function useOpened(id: number): "there" | "gone" {
  const { desk } = useConsole();
  const [state, setState] = useState<"there" | "gone">("there");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isLeft = false;
    const open = () =>
      void desk.open(id).catch((cause: unknown) => {
        if (isLeft) return;
        const { status } = asApiError(cause);
        if (status === 404 || status === 403) {
          desk.client.forget([id]);
          setState("gone");
        } else timer = setTimeout(open, AGAIN_MS);
      });
    open();
    // What was there and is not any more may not be seen, or is of a database that was restored.
    let wasThere = false;
    const { chat } = desk.shown(id);
    const watch = effect(() => {
      const isThere = Boolean(chat.value?.session);
      if (wasThere && !isThere) open();
      wasThere = isThere;
    });
    desk.viewers.look(id);
    return () => {
      isLeft = true;
      watch();
      clearTimeout(timer);
      desk.viewers.look(null);
      desk.leave(id);
    };
  }, [desk, id]);
  return state;
}

function Open({ id, found }: { id: number; found: number | null }) {
  const console = useConsole();
  const { desk } = console;
  const { chat, row: shown } = useMemo(() => desk.shown(id), [desk, id]);
  const scroll = useMemo(() => new LogScroll(() => void desk.client.loadOlder(id).catch(() => undefined)), [desk, id]);
  const state = useOpened(id);
  useEffect(() => reading(desk, id, chat, scroll.isAtEnd), [desk, id, chat, scroll]);
  useLayoutEffect(() => {
    console.showsPanel.value = false;
    console.mode.value = desk.drafts.read(id, "reply") === "" && desk.drafts.read(id, "note") !== "" ? "note" : "reply";
  }, [console, id]);

  const view = chat.value;
  const row = shown.value;
  if (state === "gone") {
    return (
      <section class="chat chat-none" aria-label={t("conversation")}>
        <p>{t("conversationGone")}</p>
        <Button onClick={() => openChat(null)}>{t("back")}</Button>
      </section>
    );
  }
  if (!view || !row) return <section class="chat" aria-label={t("conversation")} aria-busy="true" />;
  const showsPanel = isNarrow.value ? console.showsPanel.value : settings.value.showsVisitor;
  return (
    <div class={showsPanel && !isNarrow.value ? "chat-pair" : "chat-alone"}>
      <section class="chat" aria-label={t("conversation")}>
        <Header row={row} />
        <Log chat={chat} row={row} scroll={scroll} found={found} />
        <Typing id={id} />
        <Composer key={id} chat={view} isBanned={row.isBanned} onSent={() => scroll.toEnd()} />
      </section>
      {showsPanel && <VisitorPanel row={row} chat={view} />}
    </div>
  );
}

/** Who writes right now: the visitor, and other operators. */
function Typing({ id }: { id: number }) {
  const { desk } = useConsole();
  const { chat, row } = useMemo(() => desk.shown(id), [desk, id]);
  const view = chat.value;
  const client = view?.session?.client.id;
  const typing = view?.typing ?? [];
  const operators = typing.filter((one) => one.id !== desk.account.id && (one.visibility === "staff" || one.name !== null) && one.id !== client);
  const isVisitor = typing.some((one) => one.id === client && one.visibility === "public");
  const first = operators[0];
  return (
    <p class="chat-typing" role="status" dir="auto">
      {first ? t(first.visibility === "staff" ? "writesNote" : "isReplying", { name: first.name ?? t("team") }) : isVisitor ? t("visitorTypes", { name: row.value?.name ?? "" }) : ""}
    </p>
  );
}
