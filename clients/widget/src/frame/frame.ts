/** The page in the iframe of `isolation: "frame"`: the same panel, told by messages of the page around it. */
import type { Mount, PageHost, PagePanel, PanelSettings } from "../shared/bridge.ts";
import { HOST_CALLS, PANEL_CALLS, isFrameMessage } from "../shared/frame-messages.ts";
import { adopt } from "../shared/sheet.ts";
import styles from "./frame.css?inline";

declare const PANEL_FILE: string;
/** Sees to it that the frame's script and the page's loader share one file of the panel. */
const { mount } = (await import(/* @vite-ignore */ new URL(`../${PANEL_FILE}`, location.href).href)) as { mount: Mount };

/** The page that this frame talks with. The server lets nobody else frame it (`frame-ancestors`). */
const origin = new URLSearchParams(location.search).get("origin") ?? location.origin;
const waiting = new Map<number, (token: string | null) => void>();
let questions = 0;
let panel: PagePanel | null = null;

const tell = (name: string, ...values: unknown[]) => parent.postMessage({ switchboard: name, values }, origin);

const host: PageHost = {
  ...(Object.fromEntries(HOST_CALLS.map((name) => [name, (...values: unknown[]) => tell(name, ...values)])) as unknown as PageHost),
  identity: () =>
    new Promise((resolve) => {
      const question = ++questions;
      waiting.set(question, resolve);
      tell("identity", question);
    }),
};

/**
 * WebKit lets no script focus anything in a frame of another site before the visitor has touched the frame. The first key does,
 * and what is focused meanwhile gets the character.
 */
const isTyped = ({ key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean =>
  (key.length === 1 || key === "Dead" || key === "Process") && !ctrlKey && !metaKey && !altKey;

function start(settings: PanelSettings): void {
  const element = document.createElement("div");
  const root = element.attachShadow({ mode: "open" });
  adopt(root, styles);
  const box = document.createElement("div");
  box.className = "box";
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && !event.isComposing) host.close();
    else if (document.activeElement === document.body && isTyped(event)) box.querySelector("textarea")?.focus({ preventScroll: true });
  });
  root.append(box);
  document.body.append(element);
  // Its address says which server and site this is: the page around it chooses neither.
  const site = new URLSearchParams(location.search).get("site") ?? settings.site;
  panel = mount(box, root, { ...settings, site, server: new URL("..", location.href).href, known: null }, host);
}

addEventListener("message", ({ source, origin: from, data }: MessageEvent<unknown>) => {
  if (source !== parent || from !== origin || !isFrameMessage(data)) return;
  const { switchboard: name, values } = data;
  if (name === "mount" && !panel) start(values[0] as PanelSettings);
  else if (name === "identity") {
    const [question, token] = values as [number, string | null];
    waiting.get(question)?.(token);
    waiting.delete(question);
  } else if (panel && (PANEL_CALLS as readonly string[]).includes(name)) {
    (panel[name as keyof PagePanel] as (...values: unknown[]) => void)(...values);
  }
});

if (parent !== window) tell("loaded");
