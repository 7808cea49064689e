/**
 * `/widget.js`: finds its server and its site, shows the launcher, and loads the panel when somebody comes near.
 *
 *   commands    `window.switchboard(…)`, with the calls that were made before this script came
 *   widget      one widget on one page: site's settings, launcher, panel, what they tell each other
 *   element     the element in the page and its shadow root, put back when a page takes it out
 *   launcher    the button and the box of the panel
 *   frame       the panel in an iframe, for `isolation: "frame"`
 *   address     the page's address in single-page applications
 */
import { type Commands, type Queue, install } from "./commands.ts";
import { Widget } from "./widget.ts";

declare global {
  interface Window {
    switchboard?: Queue | Commands;
  }
}

function start(): void {
  const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null;
  const before = window.switchboard;
  if (before && "script" in before) {
    // Turbo and the like run the tag of each new body again; only a second tag beside the first is a mistake.
    if (before.script?.isConnected && before.script !== script) {
      console.warn("Switchboard: this page has the widget's tag twice; the second one is ignored.");
    }
    before.script = script;
    return;
  }
  if (!script?.src) {
    console.error("Switchboard: load widget.js with a script tag of its own; its address names the server.");
    return;
  }
  const server = new URL(".", script.src).href;
  window.switchboard = install(new Widget(server), script, before?.q ?? []);
}

start();
