import { type ConversationView, type MessageView, type SiteConfig, type Visitor, type VisitorSnapshot, visitor } from "@switchboard/sdk";
import type { Page, PageHost, PanelSettings } from "../shared/bridge.ts";
import { chooseLanguage } from "../shared/language.ts";
import type * as Extras from "./extras/index.ts";
import type { Preview } from "./preview/preview.tsx";
import { fault } from "./fault.ts";
import { type Words, english, loadWords } from "./i18n.ts";
import { WidgetStorage } from "./storage.ts";

export const MESSAGE_LIMIT = 10_000;
const SITE_AGAIN_MS = 60_000;
const TYPING_ENDS_MS = 6_000;
const KEPT_EVENTS = 20;
/** Of all that a site says of a visitor the server keeps 8 KiB. */
const KEPT_LENGTH = 4_000;
const ATTRIBUTES_MS = 500;
/** Without an answer for so long, the panel opens with the usual words. */
const PATIENCE_MS = 2_500;

export type View = "chat" | "list";

/** The panel's state beside the SDK's, and what a visitor can do. */
export class Model {
  readonly visitor: Visitor;
  readonly storage: WidgetStorage;
  readonly settings: PanelSettings;
  readonly host: PageHost;
  readonly root: ShadowRoot;
  words: Words = english();
  view: View = "chat";
  /** Counts the conversations that were chosen: the log begins anew with each. */
  choices = 0;
  isShown = false;
  /** Whether the composer should take the focus at the next look. */
  wantsFocus = false;
  hasPageFocus = document.hasFocus();
  /** What is loaded a moment later. */
  extras: typeof Extras | null = null;
  /** What came while the panel is closed: loaded when something has come. */
  Preview: typeof Preview | null = null;
  /** The newest message of others that came while this page was open, and its conversation. */
  heard: readonly [MessageView, number] | null = null;
  /** Said by a screen reader. */
  announcement = "";
  #known: SiteConfig | null;
  #page: Page = { url: "", title: "" };
  #changed: () => void;
  #loading: Promise<typeof Extras | null> | null = null;
  #wantsPreview = false;
  #sound: ReturnType<typeof Extras.makeSound> | null = null;
  #hasIdentity = false;
  /** The page's function may answer that nobody has signed in. */
  #isSigned = false;
  #hadSession = false;
  #typingTimer = 0;
  #siteTimer = 0;
  #events: unknown[] = [];
  #attributes: Record<string, unknown> = {};
  #attributesTimer = 0;
  #given: Record<string, unknown> = {};
  #language = "en";
  #unsubscribe: (() => void)[];

  constructor(settings: PanelSettings, host: PageHost, root: ShadowRoot, changed: () => void) {
    this.settings = settings;
    this.host = host;
    this.root = root;
    this.#known = asSite(settings.known);
    this.#changed = changed;
    this.storage = new WidgetStorage(settings.site);
    this.visitor = visitor({
      url: settings.server.replace(/\/$/, ""),
      site: settings.site,
      locale: settings.language ?? navigator.language,
      pageUrl: () => this.#page.url || undefined,
      identity: () => (this.#hasIdentity ? host.identity() : Promise.resolve(null)),
    });
    this.#unsubscribe = [
      this.visitor.subscribe(() => this.#follow()),
      this.visitor.onMessage((...heard) => this.#hear(heard)),
    ];
    if (this.choice("sound")) {
      void this.loadExtras();
      addEventListener("pointerdown", () => this.#sound?.unlock(), { once: true, capture: true });
    }
  }

  get snapshot(): VisitorSnapshot {
    return this.visitor.snapshot();
  }

  /** Null until it is known. */
  get site(): SiteConfig | null {
    return this.snapshot.site ?? this.#known;
  }

  /** The conversation that is shown; null for a new one in which nothing was said. */
  get current(): ConversationView | null {
    const { conversations, currentId } = this.snapshot;
    return conversations.find(({ id }) => id === (currentId ?? 0)) ?? null;
  }

  get earlier(): readonly ConversationView[] {
    return this.snapshot.conversations.filter(({ id }) => id !== 0);
  }

  /** The site talks with nobody whom it has not signed: said before something is written in vain. Who was signed once goes on. */
  get lacksIdentity(): boolean {
    return this.site?.identity === "required" && !this.#isSigned && this.earlier.length === 0;
  }

  /** What the page says of the visitor, signed or not, is not asked of the visitor. */
  knows(field: "name" | "email"): boolean {
    const given = this.#given[field];
    return this.#isSigned || (typeof given === "string" && !fault(field, given, "required"));
  }

  /** What the visitor has typed and the server did not take. */
  get refused(): "name" | "email" | null {
    const field = this.snapshot.problem?.field;
    return field === "name" || field === "email" ? field : null;
  }

  get isOnline(): boolean {
    return this.site?.is_online ?? true;
  }

  /** A text that the site may have written itself. */
  siteText(name: "title" | "greeting" | "away"): string | undefined {
    const texts = this.site?.texts;
    return texts?.[this.words.language]?.[name] || undefined;
  }

  async start(): Promise<void> {
    this.visitor.start();
    const site = this.visitor.loadSite().catch(() => null);
    // What is asked of a visitor, the language and the first words are the site's. A conversation that goes on waits for nothing.
    await this.#learn(this.site ?? (this.earlier.length > 0 ? null : await within(site, PATIENCE_MS)));
    this.#follow();
    this.host.ready();
    await site;
    await this.#learn(this.site);
    this.#follow();
    if (this.storage.isLeftOpen) void this.loadExtras();
  }

  shown(isShown: boolean, focus: boolean): void {
    if (isShown && !this.isShown) this.visitor.look();
    this.isShown = isShown;
    clearInterval(this.#siteTimer);
    if (isShown) {
      this.wantsFocus = focus;
      void this.loadExtras();
      const newest = this.earlier[0];
      if (this.snapshot.currentId === null && newest && !this.current && this.view === "chat") {
        this.choices++;
        this.visitor.select(newest.id);
      }
      void this.visitor.loadSite().catch(() => null);
      this.#siteTimer = window.setInterval(() => void this.visitor.loadSite().catch(() => null), SITE_AGAIN_MS);
    }
    this.#follow();
  }

  /** Null where the file does not come; the next call tries again. */
  loadExtras(): Promise<typeof Extras | null> {
    this.#loading ??= import("./extras/index.ts").then(
      (extras) => {
        extras.dress(this.root);
        for (const odd of extras.oddOptions(this.settings, this.site?.languages)) console.warn("Switchboard:", odd);
        this.#sound = extras.makeSound();
        this.extras = extras;
        this.#unsubscribe.push(extras.stayOpen(this));
        this.#changed();
        return extras;
      },
      () => (this.#loading = null),
    );
    return this.#loading;
  }

  page(page: Page): void {
    this.#page = page;
    if (this.#hadSession) this.visitor.page(page.url, page.title);
  }

  pageFocus(hasFocus: boolean): void {
    this.hasPageFocus = hasFocus;
    this.#changed();
  }

  async identityChanged(hasIdentity: boolean): Promise<void> {
    this.#hasIdentity = this.#isSigned = hasIdentity;
    this.#changed();
    if (!hasIdentity) {
      const had = this.visitor.snapshot().conversations.length > 0;
      void this.visitor.identify(null);
      // A person's drafts go with its conversations; those of a visitor that nobody has named stay.
      if (had && this.visitor.snapshot().conversations.length === 0) {
        this.storage.clear();
        this.#given = {};
      }
      return;
    }
    const token = await this.host.identity().catch(() => undefined);
    if (token) await this.visitor.identify(token).catch(() => undefined);
    else if (token === null) this.#isSigned = false;
    this.#changed();
  }

  /** What a page says in one go is told in one go. */
  setAttributes(attributes: Record<string, unknown>): void {
    if (Object.keys(attributes).length === 0) return;
    this.#attributes = { ...this.#attributes, ...attributes };
    this.#given = { ...this.#given, ...attributes };
    this.#changed();
    clearTimeout(this.#attributesTimer);
    this.#attributesTimer = window.setTimeout(() => this.#tellAttributes(), ATTRIBUTES_MS);
  }

  #tellAttributes(): void {
    clearTimeout(this.#attributesTimer);
    const { name, email, ...metadata } = this.#attributes;
    if (Object.keys(this.#attributes).length === 0) return;
    this.#attributes = {};
    void this.visitor
      .setProfile({
        ...(typeof name === "string" ? { name } : {}),
        ...(typeof email === "string" ? { email } : {}),
        ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
      })
      .catch(({ code, message }: { code?: string; message?: string }) => {
        if (code === "bad_request" || code === "invalid" || code === "too_large") console.warn("Switchboard: attributes were refused.", message);
      });
  }

  /** The last events of the page go with the visitor's other attributes. */
  track(event: string, properties: Record<string, unknown>): void {
    this.#events = [...this.#events.slice(1 - KEPT_EVENTS), { event, properties, at: new Date().toISOString() }];
    while (JSON.stringify(this.#events).length > KEPT_LENGTH) this.#events.shift();
    this.setAttributes({ events: this.#events });
  }

  go(view: View): void {
    this.view = view;
    this.wantsFocus = true;
    if (view === "list") void this.visitor.loadConversations().catch(() => undefined);
    this.#changed();
  }

  choose(conversationId: number | null): void {
    this.choices++;
    this.visitor.select(conversationId);
    this.go("chat");
  }

  send(body: string): void {
    // A message that arrives ends the typing by itself.
    clearTimeout(this.#typingTimer);
    this.#tellAttributes();
    this.visitor.send(body);
  }

  /** The SDK says it to the operators every 3 s while the visitor writes, and once at the end. */
  typed(isEmpty: boolean): void {
    if (isEmpty) {
      this.#stopTyping();
      return;
    }
    this.visitor.typing(true);
    clearTimeout(this.#typingTimer);
    this.#typingTimer = window.setTimeout(() => this.#stopTyping(), TYPING_ENDS_MS);
  }

  choice(name: "sound" | "title"): boolean {
    return this.storage.get(name) === "1";
  }

  toggleChoice(name: "sound" | "title"): void {
    const isOn = !this.choice(name);
    this.storage.set(name, isOn ? "1" : "");
    if (name === "sound" && isOn) this.#sound?.unlock();
    this.#follow();
  }

  announce(text: string): void {
    this.announcement = text;
    this.#changed();
  }

  destroy(): void {
    for (const stop of this.#unsubscribe) stop();
    clearInterval(this.#siteTimer);
    clearTimeout(this.#typingTimer);
    this.#tellAttributes();
    this.host.titleBadge(0);
    this.#sound?.close();
    this.visitor.destroy();
  }

  /** After each change: tells the loader what it shows. */
  #follow(): void {
    const hasSession = this.earlier.length > 0;
    if (hasSession) this.storage.last();
    if (hasSession !== this.#hadSession) {
      this.#hadSession = hasSession;
      this.host.remembers(hasSession);
    }
    const { unread, connection } = this.snapshot;
    const { words } = this;
    // Before the connection is live, what is unread may have been read elsewhere.
    if (unread > 0 && !this.isShown && connection.state === "live") void this.#loadPreview();
    this.host.labels(words.say("openChat"), words.say("closeChat"), unread > 0 ? words.count("unread", unread) : "", words.badge(unread));
    this.host.unread(unread);
    this.host.titleBadge(this.choice("title") ? unread : 0);
    this.#changed();
  }

  /** Asked for once: where it does not come, the badge has to do. */
  async #loadPreview(): Promise<void> {
    if (this.#wantsPreview) return;
    this.#wantsPreview = true;
    this.Preview = await import("./preview/preview.tsx").then(({ Preview }) => Preview, () => null);
    this.#changed();
  }

  #hear(heard: readonly [MessageView, number]): void {
    this.heard = heard;
    if (heard[0].mine || !this.choice("sound") || !this.snapshot.isLeader) return;
    if (this.isShown && document.visibilityState === "visible" && this.hasPageFocus) return;
    this.#sound?.play();
  }

  #stopTyping(): void {
    clearTimeout(this.#typingTimer);
    this.visitor.typing(false);
  }

  async #learn(site: SiteConfig | null): Promise<void> {
    const wanted = [this.settings.language, ...navigator.languages, document.documentElement.lang];
    const language = chooseLanguage(wanted, site?.languages ?? []);
    if (language === this.#language) return;
    this.#language = language;
    const words = await loadWords(language);
    if (this.#language === language) this.words = words;
  }
}

/** What the loader hands over is the server's answer, unchecked. */
function asSite(known: unknown): SiteConfig | null {
  const site = known as Partial<SiteConfig> | null;
  return site?.prechat && site.texts && site.languages && site.operators ? (site as SiteConfig) : null;
}

const within = <T>(work: Promise<T>, ms: number): Promise<T | null> =>
  Promise.race([work, new Promise<null>((resolve) => setTimeout(() => resolve(null), ms))]);
