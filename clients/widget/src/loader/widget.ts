import type { Attach, Identity, Panel, PanelHost, Side, Theme } from "../shared/bridge.ts";
import { keepInPage } from "./element.ts";
import { type Launcher, makeLauncher } from "./launcher.ts";
import { readSite } from "./site.ts";

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

/** What a page can call. */
export interface Widget {
  boot(options?: BootOptions): void;
  open(): void;
  close(): void;
  toggle(): void;
  /** A signed identity (or a function that gets one), or null for nobody. */
  identify(identity?: Identity): void;
  setAttributes(attributes: Record<string, unknown>): void;
  track(event: string, properties?: Record<string, unknown>): void;
  /** Calls back with the count, if there is one, and at each change; the answer ends it. */
  onUnread(listener: (count: number) => void): () => void;
  onOpen(listener: () => void): () => void;
  destroy(): void;
}

const SITE_AGAIN_MS = [4_000, 15_000, 60_000];
const PANEL_AGAIN_MS = 3_000;
const KEPT_EVENTS = 20;

/** Whether this browser has a session: said by the panel, looked at by the next page. Storage of a page may be blocked. */
function remembers(site: string | undefined, session?: boolean): boolean {
  const key = `switchboard.widget.${site}.session`;
  try {
    if (session) localStorage.setItem(key, "1");
    else if (session === false) localStorage.removeItem(key);
    return !!localStorage.getItem(key);
  } catch {
    return false;
  }
}

const whenIdle = (work: () => void): void => {
  if ("requestIdleCallback" in window) requestIdleCallback(work, { timeout: 1_500 });
  else setTimeout(work, 200);
};

/** The focused element, within open shadow roots too. */
function activeElement(): Element | null {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  return active;
}

/** One widget on one page. `defaults` are the options of the tag. */
export function makeWidget(server: string, defaults: BootOptions): Widget {
  let options: BootOptions = {};
  let launcher: Launcher | null = null;
  let remove: (() => void) | null = null;
  let panel: Panel | null = null;
  /** Counts boots, so that what comes back late for an older one is dropped. */
  let run = 0;
  let root: ShadowRoot;
  /** What the server last said of the site. */
  let known: unknown = null;
  let isLoading = false;
  let isReady = false;
  let isOpen = false;
  /** Whether this page has said if the panel is to be open; until then it is as it was on the page before. */
  let isDecided = false;
  let takesFocus = false;
  let unread = 0;
  let opener: Element | null = null;
  /** Nothing until the page has said whether somebody is signed in. */
  let identity: Identity | undefined;
  let attributes: Record<string, unknown> = {};
  let events: [string, Record<string, unknown>][] = [];
  const onUnread = new Set<(count: number) => void>();
  const onOpen = new Set<() => void>();

  function listen<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  function tellUnread(count: number): void {
    if (count === unread) return;
    unread = count;
    launcher?.unread(count);
    for (const listener of onUnread) listener(count);
  }

  function showPanel(): void {
    launcher?.state(true, false);
    // A touch screen's keyboard covers half of the page: there the visitor asks for it with a tap.
    panel?.shown(true, takesFocus && !matchMedia("(pointer: coarse)").matches);
  }

  function open(isAsked: boolean): void {
    if (!launcher || (isDecided && !isAsked)) return;
    isDecided = true;
    const isNew = !isOpen;
    isOpen = true;
    takesFocus = isAsked;
    if (isNew || !root.activeElement) opener = isAsked ? activeElement() : null;
    launcher.show();
    launcher.state(false, true);
    void loadPanel();
    if (isReady) showPanel();
    if (isNew) for (const listener of onOpen) listener();
  }

  function end(): void {
    run++;
    panel?.destroy();
    remove?.();
    panel = launcher = remove = known = null;
    isLoading = isReady = isOpen = false;
    tellUnread(0);
  }

  const askIdentity = async (): Promise<string | null> => (typeof identity === "function" ? identity() : (identity ?? null));

  /** Loads the panel where something may be unread: of this browser, or of a signed visitor. A stranger's page loads nothing. */
  async function loadAhead(): Promise<void> {
    const current = run;
    if (isLoading || !launcher) return;
    const isAwaited = remembers(options.site) || ((await askIdentity().catch(() => null)) && identity);
    if (isAwaited && current === run) void loadPanel();
  }

  async function lookAtSite(site: string, tries = 0): Promise<void> {
    const current = run;
    const answer = await readSite(server, site);
    if (current !== run || !launcher) return;
    if (typeof answer === "string") {
      console.error("Switchboard:", answer);
      end();
    } else if (answer) {
      known = answer;
      launcher.look(options, answer);
      launcher.show();
    } else if (tries < SITE_AGAIN_MS.length) {
      setTimeout(() => current === run && void lookAtSite(site, tries + 1), SITE_AGAIN_MS[tries]);
    }
  }

  async function loadPanel(): Promise<void> {
    const { site, language, theme, color, position, isolation } = options;
    if (isLoading || !site || !launcher) return;
    isLoading = true;
    const current = run;
    try {
      // Allowed by `strict-dynamic`: a script that may run may import.
      const file = server + (isolation === "frame" ? FRAME_HOST_FILE : PANEL_FILE);
      const { attach } = (await import(/* @vite-ignore */ file)) as { attach: Attach };
      if (current !== run) return;
      const settings = { server, site, language, theme, color, position, isolation, known };
      panel = attach(launcher.box, root, settings, hostOf(site));
      if (identity !== undefined) panel.identityChanged(!!identity);
      panel.setAttributes(attributes);
      for (const event of events) panel.track(...event);
      events = [];
    } catch (error) {
      if (current !== run) return;
      isLoading = false;
      console.warn("Switchboard: the panel did not load.", error);
      if (isOpen) setTimeout(() => current === run && void loadPanel(), PANEL_AGAIN_MS);
    }
  }

  function hostOf(site: string): PanelHost {
    return {
      ready() {
        isReady = true;
        if (isOpen) showPanel();
      },
      unread: tellUnread,
      open(isAsked) {
        open(isAsked);
        opener = null;
      },
      close: () => widget.close(),
      remembers: (session) => void remembers(site, session),
      labels: (...words) => launcher?.labels(...words),
      identity: askIdentity,
    };
  }

  const widget: Widget = {
    boot(given = {}) {
      end();
      options = { ...defaults, ...given };
      if (given.identity !== undefined) identity = given.identity;
      const { site } = options;
      if (!site) {
        console.warn("Switchboard: name a site, with data-site or in boot.");
        return;
      }
      const current = run;
      [root, remove] = keepInPage(() => panel?.putBack());
      launcher = makeLauncher(root, widget.toggle, () => void loadPanel());
      launcher.look(options);
      whenIdle(() => {
        if (current !== run) return;
        if (remembers(site)) launcher?.show();
        void loadAhead();
        void lookAtSite(site);
      });
    },
    open: () => open(true),
    close() {
      isDecided = true;
      if (!isOpen) return;
      isOpen = false;
      launcher?.state(false, false);
      panel?.shown(false, false);
      if (opener instanceof HTMLElement && opener.isConnected && opener !== document.body) opener.focus({ preventScroll: true });
      else launcher?.focus();
    },
    toggle: () => (isOpen ? widget.close() : widget.open()),
    identify(given = null) {
      identity = given;
      panel?.identityChanged(!!given);
      whenIdle(() => void loadAhead());
    },
    setAttributes(given) {
      attributes = { ...attributes, ...given };
      panel?.setAttributes(given);
    },
    track(event, properties = {}) {
      if (panel) panel.track(event, properties);
      else events = [...events.slice(1 - KEPT_EVENTS), [event, properties]];
    },
    onUnread(listener) {
      if (unread) listener(unread);
      return listen(onUnread, listener);
    },
    onOpen: (listener) => listen(onOpen, listener),
    destroy() {
      isDecided = true;
      end();
    },
  };
  return widget;
}
