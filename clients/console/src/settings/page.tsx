import { Button, Switch, Tabs, type Theme } from "@switchboard/ui";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { IconButton } from "@switchboard/ui";
import { isPhone } from "../app/media.ts";
import { currentList, go, openList, route } from "../app/route.ts";
import { LANGUAGES, NAMES } from "../words/language.ts";
import { type PlainKey, t } from "../words/words.ts";
import { Logins } from "./logins.tsx";
import { Profile } from "./profile.tsx";
import { change, settings } from "./settings.ts";
import "./page.css";

const THEMES: Record<Theme, PlainKey> = { system: "themeSystem", light: "themeLight", dark: "themeDark" };

export function SettingsPage() {
  const at = route.value;
  const tab = at.page === "settings" ? at.tab : "general";
  const tabs = [
    { id: "general", label: t("general") },
    { id: "profile", label: t("profile") },
    { id: "logins", label: t("logins") },
  ];
  const now = tabs.some(({ id }) => id === tab) ? tab : "general";
  return (
    <section class="page" aria-label={t("settings")}>
      <div class="page-head">
        {isPhone.value && <IconButton class="mirrored" icon={icons.back} label={t("back")} onClick={() => openList(currentList())} />}
        <h1>{t("settings")}</h1>
      </div>
      <Tabs label={t("settings")} tabs={tabs} value={now} onChange={(id) => go({ page: "settings", tab: id }, true)}>
        {now === "general" ? <General /> : now === "profile" ? <Profile /> : <Logins />}
      </Tabs>
    </section>
  );
}

function Choice<T extends string>({ label, options, value, onChange }: { label: string; options: readonly (readonly [T, string])[]; value: T; onChange(value: T): void }) {
  return (
    <label class="choice">
      <span>{label}</span>
      <select class="ui-input" value={value} onChange={({ currentTarget }) => onChange(currentTarget.value as T)}>
        {options.map(([id, text]) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function General() {
  const { toasts } = useConsole();
  const now = settings.value;
  async function notify(isWanted: boolean): Promise<void> {
    if (!isWanted) {
      change({ notifications: false });
      return;
    }
    const answer = typeof Notification === "function" ? await Notification.requestPermission() : "denied";
    change({ notifications: answer === "granted" });
    if (answer !== "granted") toasts.show({ text: t("notifyDenied"), tone: "danger" });
  }
  return (
    <div class="page-narrow">
      <Choice label={t("theme")} options={(Object.keys(THEMES) as Theme[]).map((id) => [id, t(THEMES[id])] as const)} value={now.theme} onChange={(theme) => change({ theme })} />
      <Choice
        label={t("language")}
        options={[["", t("languageOfBrowser")] as const, ...LANGUAGES.map((id) => [id, NAMES[id]] as const)]}
        value={now.language ?? ""}
        onChange={(language) => change({ language: language === "" ? null : language })}
      />
      <Choice
        label={t("enterKey")}
        options={[["enter", t("enterSends")] as const, ["mod", t("enterBreaks")] as const]}
        value={now.enterSends ? "enter" : "mod"}
        onChange={(value) => change({ enterSends: value === "enter" })}
      />
      <Switch checked={now.sound} onChange={(sound) => change({ sound })}>{t("sound")}</Switch>
      <Switch checked={now.notifications} onChange={(isWanted) => void notify(isWanted)}>{t("notify")}</Switch>
      <Switch checked={now.showsVisitor} onChange={(showsVisitor) => change({ showsVisitor })}>{t("visitorBeside")}</Switch>
      <p class="page-soft">{t("settingsHint")}</p>
      <KeysButton />
    </div>
  );
}

function KeysButton() {
  const { layer } = useConsole();
  return (
    <div>
      <Button icon={icons.keyboard} onClick={() => void (layer.value = "help")}>{t("keysHelp")}</Button>
    </div>
  );
}
