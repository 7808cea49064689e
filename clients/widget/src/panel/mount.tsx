/**
 * The panel: what a visitor sees once the launcher was touched.
 *
 *   model       state beside the SDK's, and the visitor's actions
 *   app         the dialog: head, banner, and below it the conversation or the list of them
 *   log         the messages: rows, where it is scrolled to, what was read
 *   message     one message, its ticks and actions
 *   composer    the text field; contact: name and e-mail where the site asks
 *   extras      menu, list of conversations, typing, sound, what stays from page to page: loaded a moment later
 *   preview     what came while the panel is closed: loaded when something has come
 */
import { render } from "preact";
import { surround } from "../page/surround.ts";
import type { Attach, Mount } from "../shared/bridge.ts";
import { DEFAULT_COLOR, GROUNDS, hex, palette, parse } from "../shared/colour.ts";
import { isRightToLeft } from "../shared/language.ts";
import { adopt } from "../shared/sheet.ts";
import { App } from "./app.tsx";
import { Model } from "./model.ts";
import styles from "./panel.css?inline";

export const attach: Attach = (box, root, settings, host) => surround(box, root, host, (around) => mount(box, root, settings, around));

export const mount: Mount = (container, root, settings, host) => {
  adopt(root, styles);
  const panel = document.createElement("div");
  panel.className = "panel";
  container.append(panel);
  let isAlive = true;
  let isDue = false;
  const draw = () => {
    isDue = false;
    if (!isAlive) return;
    paint();
    panel.lang = model.words.language;
    panel.dir = isRightToLeft(model.words.language) ? "rtl" : "ltr";
    render(<App model={model} snapshot={model.snapshot} />, panel);
  };
  const soon = () => {
    if (isDue) return;
    isDue = true;
    queueMicrotask(draw);
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let painted = "";
  const paint = () => {
    const wanted = settings.theme;
    const theme = wanted === "dark" || wanted === "light" ? wanted : dark.matches ? "dark" : "light";
    const color = parse(settings.color) ?? parse(model.site?.color) ?? DEFAULT_COLOR;
    const next = `${theme} ${color}`;
    if (next === painted) return;
    painted = next;
    const { accent, accentEnd, onAccent, accentText } = palette(color, theme);
    panel.dataset.theme = theme;
    const colors = {
      accent,
      "accent-end": accentEnd,
      "on-accent": onAccent,
      "accent-text": accentText,
      ground: hex(GROUNDS[theme].panel),
      bubble: hex(GROUNDS[theme].bubble),
    };
    for (const [name, value] of Object.entries(colors)) panel.style.setProperty(`--${name}`, value);
  };
  const model = new Model(settings, host, root, soon);
  dark.addEventListener("change", soon);
  document.addEventListener("visibilitychange", soon);
  draw();
  void model.start();
  return {
    shown: (isShown, focus) => model.shown(isShown, focus),
    page: (page) => model.page(page),
    pageFocus: (hasFocus) => model.pageFocus(hasFocus),
    identityChanged: (hasIdentity) => void model.identityChanged(hasIdentity),
    setAttributes: (attributes) => model.setAttributes(attributes),
    track: (event, properties) => model.track(event, properties),
    putBack: () => panel.dispatchEvent(new Event("putback")),
    destroy() {
      isAlive = false;
      dark.removeEventListener("change", soon);
      document.removeEventListener("visibilitychange", soon);
      render(null, panel);
      model.destroy();
      panel.remove();
    },
  };
};
