/** The widget's own panel with what the form says, before it is saved. Nothing in it can be pressed. */
import type { PagePanel, PageHost } from "../../../widget/src/shared/bridge.ts";
import { adopt } from "../../../widget/src/shared/sheet.ts";
import { useEffect, useRef, useState } from "preact/hooks";
import { settings } from "../settings/settings.ts";
import { t } from "../words/words.ts";
import { type Shown, shown } from "./preview-sdk.ts";
import type { Form, Site } from "./sites.ts";

const siteOf = (form: Form, site: Site, isOnline: boolean): Shown => ({
  key: site.key,
  name: form.name,
  color: form.color,
  position: form.position,
  languages: [],
  texts: form.texts,
  prechat: { name: form.askName, email: form.askEmail },
  identity: "optional",
  is_online: isOnline,
  operators: form.showsOperators && isOnline ? [{ name: "Olivia Park" }] : [],
});

const nothing = () => undefined;
const host: PageHost = { ready: nothing, unread: nothing, open: nothing, close: nothing, remembers: nothing, labels: nothing, titleBadge: nothing, identity: () => Promise.resolve(null) };

export function Preview({ form, site }: { form: Form; site: Site }) {
  const box = useRef<HTMLDivElement>(null);
  const [isOnline, setOnline] = useState(true);
  const config = siteOf(form, site, isOnline);
  const theme = settings.value.theme;

  useEffect(() => shown(config), [JSON.stringify(config)]);

  // Another language or theme is another panel.
  useEffect(() => {
    const holder = box.current;
    if (!holder) return;
    const element = document.createElement("div");
    element.className = "preview-host";
    holder.append(element);
    const root = element.attachShadow({ mode: "open" });
    adopt(root, "*,::before,::after{box-sizing:border-box}");
    let panel: PagePanel | null = null;
    let isOver = false;
    void import("../../../widget/src/panel/mount.tsx").then(({ mount }) => {
      if (isOver) return;
      const frame = document.createElement("div");
      frame.style.cssText = "position:absolute;inset:0;display:grid";
      root.append(frame);
      panel = mount(frame, root, { server: location.origin, site: "console-preview", language: form.language, theme: theme === "system" ? "auto" : theme, color: undefined, known: config }, host);
      panel.shown(true, false);
    }, nothing);
    return () => {
      isOver = true;
      panel?.destroy();
      element.remove();
    };
  }, [form.language, theme]);

  return (
    <aside class="preview" aria-label={t("preview")}>
      <h2>{t("preview")}</h2>
      <div class="preview-box" inert ref={box} />
      <div class="preview-modes" role="group" aria-label={t("preview")}>
        <button type="button" class="mode" aria-pressed={isOnline} onClick={() => setOnline(true)}>{t("whenThere")}</button>
        <button type="button" class="mode" aria-pressed={!isOnline} onClick={() => setOnline(false)}>{t("whenAway")}</button>
      </div>
    </aside>
  );
}
