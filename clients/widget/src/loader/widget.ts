import type { Attach, Identity, Panel, PanelHost, PanelSettings, Side, Theme } from "../shared/bridge.ts";
import { readSite } from "../shared/site.ts";
import { WidgetElement } from "./element.ts";
import { Launcher } from "./launcher.ts";

/** The panel's chunk, such as `assets/widget-1a2b3c.js`, and the one that brings it in an iframe; the build puts them in. */
declare const PANEL_FILE: string;
declare const FRAME_HOST_FILE: string;

export interface BootOptions {
  site?: string | undefined;
  language?: string | undefined;
  theme?: Theme | undefined;
  /** `#rrggbb`, instead of the site's colour. */
  color?: string | undefined;
  position?: Side | undefined;
  /** `frame`: scripts of the page cannot read the conversation. */
  isolation?: "shadow" | "frame" | undefined;
  identity?: Identity | undefined;
}

const RETRY_SITE_MS = [4_000, 15_000, 60_000];
const RETRY_PANEL_MS = 3_000;

const remembered = (site: string): string => `switchboard.widget.${site}.session`;

/** Storage of a page may be blocked: then nothing is known from before. */
function hasSession(site: string): boolean {
  try {
    return localStorage.getItem(remembered(site)) !== null;
  } catch {
    return false;
  }
}

function remember(site: string, session: boolean): void {
  try {
    if (session) localStorage.setItem(remembered(site), "1");
    else localStorage.removeItem(remembered(site));
  } catch {
    // The next page shows the launcher alone until it is touched.
  }
}

const whenIdle = (work: () => void): void => {
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 1_500 });
  else setTimeout(work, 200);
};

/** One widget on one page. */
export class Widget {
  #server: string;
  #defaults: BootOptions = {};
  #options: BootOptions = {};
  #element: WidgetElement | null = null;
  #launcher: Launcher | null = null;
  #panel: Panel | null = null;
  /** Counts boots, so that what comes back late for an older one is dropped. */
  #run = 0;
  #loading = false;
  #isReady = false;
  #isOpen = false;
  #unread = 0;
  #opener: Element | null = null;
  #identity: Identity = null;
  #attributes: Record<string, unknown> = {};
  #events: [string, Record<string, unknown>][] = [];
  #onUnread = new Set<(count: number) => void>();
  #onOpen = new Set<() => void>();

  constructor(server: string) {
    this.#server = server;
  }

  /** Options of the tag, used where a `boot` names none. */
  defaults(options: BootOptions): void {
    this.#defaults = options;
  }

  boot(options: BootOptions = {}): void {
    if (this.#element) this.destroy();
    const given = Object.entries({ ...this.#defaults }).filter(([, value]) => value);
    this.#options = { ...Object.fromEntries(given), ...options };
    if (options.identity !== undefined) this.#identity = options.identity;
    const { site } = this.#options;
    if (!site) {
      console.error("Switchboard: no site is named. Add data-site to the tag, or call switchboard('boot', {site: …}).");
      return;
    }
    const run = ++this.#run;
    this.#element = new WidgetElement(() => this.#panel?.putBack());
    this.#launcher = new Launcher(this.#element.root, {
      toggle: () => this.toggle(),
      near: () => void this.#loadPanel(),
    });
    this.#launcher.color(this.#options.color ?? null);
    if (this.#options.position) this.#launcher.position(this.#options.position);
    if (hasSession(site)) {
      this.#launcher.show();
      whenIdle(() => run === this.#run && void this.#loadPanel());
    }
    whenIdle(() => void this.#readSite(run, site));
  }

  open(): void {
    if (this.#isOpen || !this.#launcher) return;
    this.#isOpen = true;
    this.#opener = deepActiveElement();
    this.#launcher.show();
    this.#launcher.opening(!this.#isReady);
    void this.#loadPanel();
    if (this.#isReady) this.#showPanel();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#launcher?.opening(false);
    this.#launcher?.open(false);
    this.#panel?.shown(false, false);
    const opener = this.#opener;
    this.#opener = null;
    if (opener instanceof HTMLElement && opener.isConnected && opener !== document.body) opener.focus({ preventScroll: true });
    else this.#launcher?.focus();
  }

  toggle(): void {
    if (this.#isOpen) this.close();
    else this.open();
  }

  /** A signed identity (or a function that gets one), or null for nobody. */
  identify(identity: Identity = null): void {
    this.#identity = identity;
    this.#panel?.identityChanged(identity !== null);
  }

  setAttributes(attributes: Record<string, unknown>): void {
    Object.assign(this.#attributes, attributes);
    this.#panel?.setAttributes(attributes);
  }

  track(event: string, properties: Record<string, unknown> = {}): void {
    if (this.#panel) this.#panel.track(event, properties);
    else this.#events = [...this.#events.slice(-19), [event, properties]];
  }

  /** Calls back with the count now and at each change; the answer ends it. */
  onUnread(listener: (count: number) => void): () => void {
    this.#onUnread.add(listener);
    if (this.#unread > 0) listener(this.#unread);
    return () => this.#onUnread.delete(listener);
  }

  onOpen(listener: () => void): () => void {
    this.#onOpen.add(listener);
    return () => this.#onOpen.delete(listener);
  }

  destroy(): void {
    this.#run++;
    this.#panel?.destroy();
    this.#launcher?.destroy();
    this.#element?.destroy();
    this.#panel = this.#launcher = this.#element = null;
    this.#loading = this.#isReady = this.#isOpen = false;
    this.#tellUnread(0);
  }

  async #readSite(run: number, key: string): Promise<void> {
    for (const wait of [...RETRY_SITE_MS, 0]) {
      const answer = await readSite(this.#server, key);
      if (run !== this.#run || !this.#launcher) return;
      if ("site" in answer) {
        if (!this.#options.color) this.#launcher.color(answer.site.color);
        if (!this.#options.position) this.#launcher.position(answer.site.position);
        this.#launcher.show();
        return;
      }
      if ("refused" in answer) {
        console.error(`Switchboard: ${answer.refused}`);
        this.destroy();
        return;
      }
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      if (run !== this.#run) return;
    }
  }

  async #loadPanel(): Promise<void> {
    const { site } = this.#options;
    const launcher = this.#launcher;
    const root = this.#element?.root;
    if (this.#loading || !site || !launcher || !root) return;
    this.#loading = true;
    const run = this.#run;
    const settings: PanelSettings = {
      server: this.#server,
      site,
      language: this.#options.language ?? null,
      theme: this.#options.theme ?? "auto",
      color: this.#options.color ?? null,
    };
    try {
      const attach = await this.#importPanel();
      if (run !== this.#run) return;
      this.#panel = attach(launcher.box, root, settings, this.#host(run, site));
      if (this.#identity !== null) this.#panel.identityChanged(true);
      if (Object.keys(this.#attributes).length > 0) this.#panel.setAttributes(this.#attributes);
      for (const [event, properties] of this.#events.splice(0)) this.#panel.track(event, properties);
    } catch (error) {
      if (run !== this.#run) return;
      this.#loading = false;
      console.warn("Switchboard: the panel could not be loaded; it is tried again.", error);
      if (this.#isOpen) setTimeout(() => run === this.#run && void this.#loadPanel(), RETRY_PANEL_MS);
    }
  }

  /** Allowed by `strict-dynamic`: a script that may run may import. */
  async #importPanel(): Promise<Attach> {
    const file = this.#options.isolation === "frame" ? FRAME_HOST_FILE : PANEL_FILE;
    return ((await import(/* @vite-ignore */ this.#server + file)) as { attach: Attach }).attach;
  }

  #host(run: number, site: string): PanelHost {
    const isCurrent = () => run === this.#run;
    return {
      ready: () => {
        if (!isCurrent()) return;
        this.#isReady = true;
        if (this.#isOpen) this.#showPanel();
      },
      unread: (count) => isCurrent() && this.#tellUnread(count),
      close: () => isCurrent() && this.close(),
      remembers: (session) => isCurrent() && remember(site, session),
      labels: (open, close, unread) => isCurrent() && this.#launcher?.labels(open, close, unread),
      identity: async () => (typeof this.#identity === "function" ? await this.#identity() : this.#identity),
    };
  }

  #showPanel(): void {
    this.#launcher?.opening(false);
    this.#launcher?.open(true);
    // A touch screen's keyboard covers half of the page: there the visitor asks for it with a tap.
    this.#panel?.shown(true, !matchMedia("(pointer: coarse)").matches);
    for (const listener of this.#onOpen) listener();
  }

  #tellUnread(count: number): void {
    if (count === this.#unread) return;
    this.#unread = count;
    this.#launcher?.unread(count);
    for (const listener of this.#onUnread) listener(count);
  }
}

/** The focused element, within open shadow roots too. */
function deepActiveElement(): Element | null {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active;
}
