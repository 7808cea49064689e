import type { Widget } from "./widget.ts";

/** What a page may define before the loader comes: calls wait in `q`. */
export interface Queue {
  (...call: unknown[]): void;
  q?: ArrayLike<unknown>[];
}

export interface Commands {
  (command: string, ...values: unknown[]): unknown;
  /** The tag that this widget came from. */
  script: HTMLScriptElement;
}

const BOOT_WITHIN_MS = 3_000;

/** Makes `window.switchboard`, boots if nothing that waited does so itself, and runs what waited. */
export function install(widget: Widget, script: HTMLScriptElement, waiting: ArrayLike<unknown>[]): Commands {
  let isBooted = false;
  const run = (name: unknown, ...values: unknown[]): unknown => {
    isBooted ||= name === "boot";
    const command = Object.hasOwn(widget, name as string) && widget[name as keyof Widget];
    if (!command) {
      console.warn(`Switchboard: no command "${String(name)}", only ${Object.keys(widget).join(", ")}.`);
      return undefined;
    }
    try {
      return (command as (...values: unknown[]) => unknown)(...values);
    } catch (error) {
      // A mistake in the chat must not stop the page's own script.
      console.error("Switchboard:", error);
      return undefined;
    }
  };
  const calls = waiting.map((call) => Array.from(call));
  if (script.dataset["site"]) {
    if (!calls.some(([name]) => name === "boot")) widget.boot();
  } else {
    // A page may boot in a script behind this one. What a boot without a site says is said where none comes.
    setTimeout(() => isBooted || widget.boot(), BOOT_WITHIN_MS);
  }
  for (const [name, ...values] of calls) run(name, ...values);
  return Object.assign(run, { script });
}
