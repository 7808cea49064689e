import type { BootOptions, Widget } from "./widget.ts";

/** What a page may define before the loader comes: calls wait in `q`. */
export interface Queue {
  (...call: unknown[]): void;
  q?: ArrayLike<unknown>[];
}

export interface Commands {
  (command: string, ...values: unknown[]): unknown;
  /** The tag that this widget came from. */
  script: HTMLScriptElement | null;
}

const NAMES = ["boot", "open", "close", "toggle", "identify", "setAttributes", "track", "onUnread", "onOpen", "destroy"] as const;
type Name = (typeof NAMES)[number];
const isName = (name: unknown): name is Name => (NAMES as readonly unknown[]).includes(name);

export function install(widget: Widget, script: HTMLScriptElement, waiting: ArrayLike<unknown>[]): Commands {
  const run = (name: unknown, ...values: unknown[]): unknown => {
    if (!isName(name)) {
      console.warn(`Switchboard: there is no command "${String(name)}". There are: ${NAMES.join(", ")}.`);
      return undefined;
    }
    try {
      return (widget[name] as (...values: unknown[]) => unknown)(...values);
    } catch (error) {
      // A mistake in the chat must not stop the page's own script.
      console.error("Switchboard:", error);
      return undefined;
    }
  };
  const calls = waiting.map((call) => Array.from(call));
  const { site, theme, color, position, language, isolation } = script.dataset;
  const options = { site, theme, color, position, language, isolation } as BootOptions;
  widget.defaults(options);
  if (site && !calls.some(([name]) => name === "boot")) widget.boot();
  for (const [name, ...values] of calls) run(name, ...values);
  return Object.assign(run, { script });
}
