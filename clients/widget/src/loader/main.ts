/**
 * `/widget.js`: finds its server and its site, shows the launcher, and loads the panel when somebody comes near.
 *
 *   commands    `window.switchboard(…)`, with the calls that were made before this script came
 *   widget      one widget on one page: options, launcher, panel, what they tell each other
 *   site        what the server says of the site
 *   element     the element in the page and its shadow root, put back when a page takes it out
 *   launcher    the button, and the box for the panel
 */
import { type Commands, type Queue, install } from "./commands.ts";
import { makeWidget } from "./widget.ts";

declare global {
  interface Window {
    switchboard?: Queue | Commands;
  }
}

const script = document.currentScript;
const before = window.switchboard;

if (before && "script" in before) {
  // Turbo and the like run the tag of each new body again; only a second tag beside the first is a mistake.
  if (before.script.isConnected) console.warn("Switchboard: this page has the tag twice; the second is ignored.");
  else if (script) before.script = script as HTMLScriptElement;
} else if (script instanceof HTMLScriptElement && script.src) {
  // Its own address names the server.
  const widget = makeWidget(new URL(".", script.src).href, { ...script.dataset });
  window.switchboard = install(widget, script, before?.q ?? []);
} else {
  console.error("Switchboard: load widget.js with a script tag of its own.");
}
