/** Where is written: a reply to the visitor, or a note that operators alone see. */
import { Button, Icon, Kbd, tip } from "@switchboard/ui";
import type { ChatView } from "@switchboard/sdk";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { isForgetful } from "../app/keep.ts";
import { settings } from "../settings/settings.ts";
import { many, t } from "../words/words.ts";
import type { Mode } from "./drafts.ts";

const LIMIT = 10_000;
const TOLD_FROM = 9_000;
/** What is longer is not pasted: the field would stand still, and nothing of it could be sent. */
const PASTE = 4 * LIMIT;
const TYPING_MS = 6_000;
const lengthOf = (text: string): number => (text.length < TOLD_FROM / 2 ? text.length : [...text].length);

/** The newest public reply of another operator. */
const newestReply = (chat: ChatView): number => chat.messages.findLast(({ mine, sender, visibility, seq }) => !mine && sender.type === "operator" && visibility === "public" && seq !== null)?.seq ?? 0;

export function Composer({ chat, isBanned, onSent }: { chat: ChatView; isBanned: boolean; onSent(): void }) {
  const console = useConsole();
  const { desk, mode } = console;
  const { id } = chat;
  const now: Mode = mode.value;
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(() => desk.drafts.read(id, now));
  const [asks, setAsks] = useState(false);
  // Replies up to here were seen by who began to write.
  const seen = useRef(newestReply(chat));
  const typed = useRef<{ timer: ReturnType<typeof setTimeout> | undefined; mode: Mode | null }>({ timer: undefined, mode: null });
  const length = lengthOf(text);
  const isTooLong = length > LIMIT;

  useLayoutEffect(() => {
    setText(desk.drafts.read(id, now));
    setAsks(false);
  }, [desk, id, now]);

  useEffect(() => {
    console.compose = () => field.current?.focus();
    return () => {
      console.compose = null;
      stopTyping();
      desk.drafts.flush();
    };
  }, [console, id]);

  useEffect(() => {
    if (text === "") seen.current = newestReply(chat);
  }, [chat, text]);

  function stopTyping(): void {
    clearTimeout(typed.current.timer);
    if (typed.current.mode) desk.client.typing(id, false, typed.current.mode === "note" ? "staff" : "public");
    typed.current.mode = null;
  }

  function write(next: string): void {
    setText(next);
    setAsks(false);
    desk.drafts.set(id, now, next);
    if (next.trim() === "") {
      stopTyping();
      return;
    }
    if (typed.current.mode !== null && typed.current.mode !== now) stopTyping();
    typed.current.mode = now;
    desk.client.typing(id, true, now === "note" ? "staff" : "public");
    clearTimeout(typed.current.timer);
    typed.current.timer = setTimeout(stopTyping, TYPING_MS);
  }

  function send(): void {
    const body = text.trim();
    if (body === "" || isTooLong) return;
    if (now === "reply" && newestReply(chat) > seen.current) {
      seen.current = newestReply(chat);
      setAsks(true);
      return;
    }
    clearTimeout(typed.current.timer);
    typed.current.mode = null;
    desk.client.send(id, body, now === "note" ? { visibility: "staff" } : {});
    desk.drafts.set(id, now, "");
    setText("");
    setAsks(false);
    if (isForgetful()) console.toasts.show({ key: "full", text: t("storageFull"), tone: "danger" });
    onSent();
  }

  function keyed(event: KeyboardEvent): void {
    // Keys of an input method belong to it; Safari sends its Enter after the end, with 229.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      const isMod = event.ctrlKey || event.metaKey;
      if (isMod || settings.peek().enterSends) {
        event.preventDefault();
        send();
      }
    }
  }

  function pasted(event: ClipboardEvent): void {
    if ((event.clipboardData?.getData("text/plain").length ?? 0) <= PASTE) return;
    event.preventDefault();
    console.toasts.show({ key: "paste", text: t("pasteTooLong"), tone: "danger" });
  }

  const isNote = now === "note";
  const choose = (to: Mode) => () => console.write(to);
  return (
    <div class={isNote ? "composer composer-note" : "composer"}>
      {asks && (
        <p class="composer-asks" role="alert">
          {t("repliedMeanwhile")}
        </p>
      )}
      <div class="composer-modes" role="group" aria-label={t("mode")}>
        <button type="button" class="mode" aria-pressed={!isNote} {...tip(t("replyHint"), "r")} onClick={choose("reply")}>
          <Icon icon={icons.reply} size={14} />
          {t("reply")}
        </button>
        <button type="button" class="mode" aria-pressed={isNote} {...tip(t("noteHint"), "n")} onClick={choose("note")}>
          <Icon icon={icons.note} size={14} />
          {t("note")}
        </button>
        {isBanned && !isNote && <span class="composer-told">{t("bannedHint")}</span>}
        {length >= TOLD_FROM && (
          <span class={isTooLong ? "composer-told composer-over" : "composer-told"} role="status">
            {isTooLong ? many("tooLong", length - LIMIT) : many("left", LIMIT - length)}
          </span>
        )}
      </div>
      <textarea
        ref={field}
        class="composer-field"
        dir={text === "" ? undefined : "auto"}
        rows={Math.min(8, text.split("\n", 9).length)}
        aria-label={isNote ? t("noteLabel") : t("replyLabel")}
        placeholder={isNote ? t("notePlaceholder") : t("replyPlaceholder")}
        value={text}
        onInput={({ currentTarget }) => write(currentTarget.value)}
        onKeyDown={keyed}
        onPaste={pasted}
      />
      <div class="composer-foot">
        <span class="composer-keys">
          <Kbd keys={settings.value.enterSends ? "enter" : "mod+enter"} /> {t("toSend")}
        </span>
        <Button tone="primary" size="small" icon={isNote ? icons.note : icons.send} disabled={text.trim() === "" || isTooLong} onClick={send}>
          {isNote ? t("addNote") : asks ? t("sendAnyway") : t("sendReply")}
        </Button>
      </div>
    </div>
  );
}
