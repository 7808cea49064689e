/** Words between the loader and the panel; in an iframe they cross by postMessage. */

export type Theme = "light" | "dark" | "auto";
export type Side = "left" | "right";

/** A signed identity, nobody, or a function that gets a fresh one when it is needed. */
export type Identity = string | null | (() => string | null | Promise<string | null>);

/** What the panel needs to know at its start: plain data, so that it can cross into an iframe. Pages give options, and may give them wrong. */
export interface PanelSettings {
  /** Base address of the server, with a slash at its end. */
  server: string;
  site: string;
  language: string | undefined;
  theme: Theme | undefined;
  color: string | undefined;
  position?: Side | undefined;
  isolation?: string | undefined;
  /** The site's settings, as the loader read them: the panel need not wait for its own. */
  known: unknown;
}

export interface Page {
  url: string;
  title: string;
}

/** What the panel tells the loader, wherever the panel is. */
export interface PanelHost {
  /** The panel is ready to be shown. */
  ready(): void;
  unread(count: number): void;
  /** Asked by the visitor, or as it was on the page before: then without the focus. */
  open(isAsked: boolean): void;
  close(): void;
  /** Whether this browser has a session: the next page then loads the panel at once. */
  remembers(session: boolean): void;
  /** The words of the launcher in the visitor's language. */
  labels(open: string, close: string, unread: string, badge: string): void;
  identity(): Promise<string | null>;
}

/** What the loader tells the panel. */
export interface Panel {
  shown(isShown: boolean, focus: boolean): void;
  identityChanged(hasIdentity: boolean): void;
  setAttributes(attributes: Record<string, unknown>): void;
  track(event: string, properties: Record<string, unknown>): void;
  /** The element was taken out of the page and put back: scroll positions are lost. */
  putBack(): void;
  destroy(): void;
}

/** What the panel tells the page around it too. */
export interface PageHost extends PanelHost {
  /** The number that the page's title shows, 0 for none. */
  titleBadge(count: number): void;
  /** The height of the preview that is drawn in a frame instead of the panel, 0 for none. Without a frame the preview sees to its box itself. */
  preview?(height: number): void;
}

/** What is told to the panel by the page around it. */
export interface PagePanel extends Panel {
  page(page: Page): void;
  /** Whether the page around the panel has the focus. */
  pageFocus(hasFocus: boolean): void;
}

/** Puts the panel into the page. */
export type Attach = (box: HTMLElement, root: ShadowRoot, settings: PanelSettings, host: PanelHost) => Panel;
/** Draws the panel into an element. */
export type Mount = (container: HTMLElement, root: ShadowRoot, settings: PanelSettings, host: PageHost) => PagePanel;
