import type { ConversationView } from "@switchboard/sdk";
import { Component } from "preact";
import { Message } from "./message.tsx";
import type { Model } from "./model.ts";
import { type Row, rowsOf } from "./rows.ts";

interface Props {
  model: Model;
  conversation: ConversationView | null;
}

const NEAR_END_PX = 48;
const NEAR_START_PX = 400;
const READ_AFTER_MS = 1_000;

/** The messages. It stays at the end only when it is there; what comes above moves nothing that is read. */
export class Log extends Component<Props, { isAtEnd: boolean; missed: number }> {
  override state = { isAtEnd: true, missed: 0 };
  #log: HTMLElement | null = null;
  #anchor: { element: HTMLElement; top: number } | null = null;
  /** The newest message of others that was drawn. */
  #newest = 0;
  #lastOwn: string | null = null;
  #readTimer = 0;
  #observer = new ResizeObserver(() => this.#settle());
  #putBack = () => this.#settle();

  override render({ model, conversation }: Props) {
    const { words, extras } = model;
    const messages = conversation?.messages ?? [];
    const isEmpty = messages.length === 0;
    const isWaiting = isEmpty && conversation !== null && (conversation.loadingOlder || model.snapshot.connection.state !== "live");
    const { isAtEnd, missed } = this.state;
    return (
      <div class="middle">
        <div
          class="log"
          role="log"
          aria-label={words.say("messages")}
          aria-live="polite"
          aria-busy={conversation?.loadingOlder === true}
          tabIndex={0}
          ref={(element) => void (this.#log = element)}
          onScroll={() => this.#scrolled()}
          onKeyDown={(event) => event.key === "End" && this.#toEnd()}
        >
          <div class="rows">
            {conversation?.loadingOlder && !isEmpty && <p class="older">{words.say("loading")}</p>}
            {!conversation?.hasOlder && !isWaiting && <Greeting model={model} isNew={isEmpty} />}
            {isWaiting && <Skeleton label={words.say("loading")} />}
            {rowsOf(messages, conversation?.unreadFrom ?? null).map((row) => this.#renderRow(row))}
            {conversation?.status === "closed" && <p class="notice">{words.say("closed")}</p>}
            {!isEmpty && !model.isOnline && model.siteText("away") && <p class="notice" dir="auto">{model.siteText("away")}</p>}
            {extras && <extras.ContactCard model={model} conversation={conversation} />}
            {extras && <extras.Typing model={model} conversation={conversation} />}
          </div>
        </div>
        {!isAtEnd && extras && <extras.ToEnd words={words} missed={missed} toEnd={() => this.#toEnd()} />}
      </div>
    );
  }

  #renderRow(row: Row) {
    const { model } = this.props;
    const { words } = model;
    if (row.kind === "day") return <p key={row.key} class="day"><time dateTime={row.at}>{words.day(row.at)}</time></p>;
    if (row.kind === "new") return <p key={row.key} class="new">{words.say("newLine")}</p>;
    const { key, message, isFirst, isLast, showsMeta } = row;
    return <Message key={key} {...{ model, words, message, isFirst, isLast, showsMeta }} />;
  }

  override componentDidMount(): void {
    if (!this.#log) return;
    this.#observer.observe(this.#log);
    if (this.#log.firstElementChild) this.#observer.observe(this.#log.firstElementChild);
    this.#log.closest(".panel")?.addEventListener("putback", this.#putBack);
    this.#takeNews();
    this.#toEnd();
  }

  override componentDidUpdate(): void {
    const news = this.#takeNews();
    const last = this.props.conversation?.messages.at(-1);
    const isOwn = last?.mine && last.tick === "queued" && last.key !== this.#lastOwn;
    if (isOwn) this.#lastOwn = last.key;
    if (isOwn) this.#toEnd();
    else this.#settle();
    if (news > 0 && !this.state.isAtEnd) this.setState({ missed: this.state.missed + news });
    this.#readLater();
  }

  override componentWillUnmount(): void {
    this.#observer.disconnect();
    clearTimeout(this.#readTimer);
    this.#log?.closest(".panel")?.removeEventListener("putback", this.#putBack);
  }

  /** How many messages of others came below those that were drawn. Older ones that are loaded are no news. */
  #takeNews(): number {
    const seqs = (this.props.conversation?.messages ?? []).flatMap(({ mine, seq }) => (mine || seq === null ? [] : [seq]));
    const news = seqs.filter((seq) => seq > this.#newest).length;
    this.#newest = Math.max(this.#newest, seqs.at(-1) ?? 0);
    return news;
  }

  #scrolled(): void {
    const log = this.#log;
    if (!log) return;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END_PX;
    if (isAtEnd !== this.state.isAtEnd) this.setState({ isAtEnd, missed: 0 });
    this.#takeAnchor();
    const { conversation, model } = this.props;
    if (log.scrollTop < NEAR_START_PX && conversation?.hasOlder && !conversation.loadingOlder) void model.visitor.loadOlder().catch(() => undefined);
    this.#readLater();
  }

  /** The first message in sight keeps its place, whatever changes around it. */
  #takeAnchor(): void {
    const log = this.#log;
    if (!log) return;
    const element = [...log.querySelectorAll<HTMLElement>(".message")].find(({ offsetTop, offsetHeight }) => offsetTop + offsetHeight > log.scrollTop);
    this.#anchor = element ? { element, top: element.offsetTop - log.scrollTop } : null;
  }

  #settle(): void {
    const log = this.#log;
    if (!log) return;
    if (this.state.isAtEnd) log.scrollTop = log.scrollHeight;
    else if (this.#anchor?.element.isConnected) log.scrollTop = this.#anchor.element.offsetTop - this.#anchor.top;
  }

  #toEnd(): void {
    if (!this.state.isAtEnd) this.setState({ isAtEnd: true, missed: 0 });
    if (this.#log) this.#log.scrollTop = this.#log.scrollHeight;
    this.#readLater();
  }

  /** Read is what was in sight, at the end, for a second, in a page with the focus. */
  #readLater(): void {
    const { model, conversation } = this.props;
    const isRead = () => model.isShown && this.state.isAtEnd && document.visibilityState === "visible" && model.hasPageFocus;
    clearTimeout(this.#readTimer);
    if (!conversation || conversation.unread === 0 || !isRead()) return;
    this.#readTimer = window.setTimeout(() => isRead() && model.visitor.read(), READ_AFTER_MS);
  }
}

const Greeting = ({ model, isNew }: { model: Model; isNew: boolean }) => (
  <div class="greeting">
    <p dir="auto">{model.siteText("greeting") ?? model.words.say("greeting")}</p>
    {isNew && !model.isOnline && <p dir="auto" class="soft">{model.siteText("away") ?? model.words.say("awayGreeting")}</p>}
  </div>
);

const Skeleton = ({ label }: { label: string }) => (
  <div class="skeleton" aria-label={label} role="img">
    <i /><i /><i /><i />
  </div>
);
