import { Button, Switch, Tabs, TextField } from "@switchboard/ui";
import { asApiError } from "@switchboard/sdk";
import { useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import { LANGUAGES, NAMES } from "../words/language.ts";
import { language as spoken, type PlainKey, t } from "../words/words.ts";
import { Preview } from "./preview.tsx";
import { Snippet } from "./snippet.tsx";
import { type Asks, bodyOf, type Form, formOf, type Site } from "./sites.ts";

const ASKS: Record<Asks, PlainKey> = { off: "askOff", optional: "askOptional", required: "askRequired" };
const USUAL = "#1f6feb";

export function SiteSettings({ site, onSaved }: { site: Site; onSaved(site: Site): void }) {
  const { desk, toasts } = useConsole();
  const [form, setForm] = useState<Form>(() => formOf(site, spoken()));
  const [tab, setTab] = useState("look");
  const [error, setError] = useState<{ field: string; text: string } | null>(null);
  const set = (some: Partial<Form>) => setForm((before) => ({ ...before, ...some }));
  const isChanged = JSON.stringify(bodyOf(form)) !== JSON.stringify(bodyOf(formOf(site, form.language)));

  async function save(): Promise<void> {
    setError(null);
    try {
      onSaved(await desk.client.call<Site>(`/sites/${site.id}`, { method: "PATCH", body: bodyOf(form) }));
      toasts.show({ text: t("saved") });
    } catch (cause) {
      const { status, message, details } = asApiError(cause);
      setError({ field: String(details["field"] ?? ""), text: status === 422 ? message : status === 403 ? t("notAllowed") : t("notSaved") });
    }
  }

  async function archive(isArchived: boolean): Promise<void> {
    try {
      onSaved(await desk.client.call<Site>(`/sites/${site.id}`, { method: "PATCH", body: { is_archived: isArchived } }));
      toasts.show({ text: t(isArchived ? "didArchive" : "didRestore"), action: { label: t("undo"), run: () => void archive(!isArchived) } });
    } catch {
      toasts.show({ text: t("notSaved"), tone: "danger" });
    }
  }

  const tabs = [
    { id: "look", label: t("siteLook") },
    { id: "texts", label: t("siteTexts") },
    { id: "rules", label: t("siteRules") },
    { id: "install", label: t("siteInstall") },
  ];
  return (
    <div class="site">
      <div class="site-form">
        <Tabs label={site.name} tabs={tabs} value={tab} onChange={setTab}>
          <div class="page-narrow">
            {tab === "look" && <Look form={form} set={set} />}
            {tab === "texts" && <TextsOf form={form} set={set} />}
            {tab === "rules" && <Rules form={form} set={set} site={site} onArchive={archive} />}
            {tab === "install" && <Snippet site={site.key} />}
            {error && <p class="page-error" role="alert">{[error.field, error.text].filter(Boolean).join(": ")}</p>}
            {tab !== "install" && (
              <div>
                <Button tone="primary" disabled={!isChanged} onClick={() => void save()}>{t("save")}</Button>
              </div>
            )}
          </div>
        </Tabs>
      </div>
      <Preview form={form} site={site} />
    </div>
  );
}

interface PartProps {
  form: Form;
  set(some: Partial<Form>): void;
}

function Look({ form, set }: PartProps) {
  return (
    <>
      <TextField label={t("name")} value={form.name} maxLength={200} onText={(name) => set({ name })} />
      <label class="choice">
        <span>{t("colour")}</span>
        <span class="site-colour">
          <input type="color" value={form.color ?? USUAL} onInput={({ currentTarget }) => set({ color: currentTarget.value })} />
          <Button size="small" disabled={form.color === null} onClick={() => set({ color: null })}>{t("usual")}</Button>
        </span>
      </label>
      <label class="choice">
        <span>{t("position")}</span>
        <select class="ui-input" value={form.position} onChange={({ currentTarget }) => set({ position: currentTarget.value as Form["position"] })}>
          <option value="right">{t("right")}</option>
          <option value="left">{t("leftSide")}</option>
        </select>
      </label>
      <Switch checked={form.showsOperators} onChange={(showsOperators) => set({ showsOperators })}>{t("showsOperators")}</Switch>
    </>
  );
}

function TextsOf({ form, set }: PartProps) {
  const texts = form.texts[form.language] ?? {};
  const write = (name: "title" | "greeting" | "away") => (text: string) => set({ texts: { ...form.texts, [form.language]: { ...texts, [name]: text } } });
  return (
    <>
      <label class="choice">
        <span>{t("language")}</span>
        <select class="ui-input" value={form.language} onChange={({ currentTarget }) => set({ language: currentTarget.value })}>
          {LANGUAGES.map((id) => (
            <option key={id} value={id}>
              {NAMES[id]}
            </option>
          ))}
        </select>
      </label>
      <TextField label={t("textTitle")} maxLength={1000} value={texts.title ?? ""} onText={write("title")} hint={t("textUsual")} />
      <TextField label={t("textGreeting")} lines={3} maxLength={1000} value={texts.greeting ?? ""} onText={write("greeting")} />
      <TextField label={t("textAway")} lines={3} maxLength={1000} value={texts.away ?? ""} onText={write("away")} />
    </>
  );
}

function Rules({ form, set, site, onArchive }: PartProps & { site: Site; onArchive(isArchived: boolean): Promise<void> }) {
  const asks = (label: string, value: Asks, name: "askName" | "askEmail") => (
    <label class="choice">
      <span>{label}</span>
      <select class="ui-input" value={value} onChange={({ currentTarget }) => set({ [name]: currentTarget.value as Asks })}>
        {(Object.keys(ASKS) as Asks[]).map((one) => (
          <option key={one} value={one}>
            {t(ASKS[one])}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <>
      {asks(t("askName"), form.askName, "askName")}
      {asks(t("askEmail"), form.askEmail, "askEmail")}
      <TextField label={t("origins")} lines={4} value={form.origins} onText={(origins) => set({ origins })} hint={t("originsHint")} />
      <Switch checked={form.identityRequired} onChange={(identityRequired) => set({ identityRequired })}>{t("identityRequired")}</Switch>
      <div>
        <Button tone={site.is_archived ? "plain" : "danger"} onClick={() => void onArchive(!site.is_archived)}>{t(site.is_archived ? "restore" : "archive")}</Button>
      </div>
    </>
  );
}
