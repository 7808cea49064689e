/** What the scenarios need of a browser, in the same words for each engine. */

export interface Size {
  width: number;
  height: number;
  /** A phone: touch, and the page in the width of the screen. Only Chromium can pretend that. */
  isPhone?: boolean;
}

/** One of the browsers that this can drive. */
export interface Engine {
  name: string;
  /** Why it cannot be started on this machine; null if it can. */
  missing(): string | null;
  start(): Promise<Browser>;
}

export interface Browser {
  version: string;
  /** A visitor that was never here before: storage, cookies and locks of its own. */
  visitor(size: Size): Promise<Visitor>;
  close(): Promise<void>;
}

export interface Visitor {
  tab(): Promise<Tab>;
  close(): Promise<void>;
}

/** `page`: the document of the tab. `frame`: that of the widget's iframe. */
export type Where = "page" | "frame";

export interface Tab {
  /** Goes there, and waits until the page has loaded. */
  open(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Evaluates an expression there; a promise is awaited. What it comes to must be JSON. */
  run(where: Where, expression: string): Promise<unknown>;
  /** A real click, in CSS pixels from the corner of the page's window. */
  click(x: number, y: number): Promise<void>;
  /** Real keys, one for each character. */
  type(text: string): Promise<void>;
  press(key: Key): Promise<void>;
  /** PNG of what the window shows. */
  picture(): Promise<Uint8Array>;
  /** What the page said in the console, and mistakes that nothing caught; null where the engine does not tell. */
  heard(): string[] | null;
  close(): Promise<void>;
}

export const KEYS = ["Tab", "Enter", "Escape"] as const;
export type Key = (typeof KEYS)[number];

export const WINDOW: Size = { width: 1180, height: 860 };
