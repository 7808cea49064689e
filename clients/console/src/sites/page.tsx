/** The web sites that have the widget. */
import { Badge, Button, Dialog, IconButton, Skeleton, TextField } from "@switchboard/ui";
import { asApiError } from "@switchboard/sdk";
import { useEffect, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { isPhone } from "../app/media.ts";
import { currentList, go, openList, route } from "../app/route.ts";
import { t } from "../words/words.ts";
import { SiteSettings } from "./site.tsx";
import type { Site } from "./sites.ts";
import "../people/page.css";
import "../settings/page.css";
import "./page.css";

export function SitesPage() {
  const { desk } = useConsole();
  const [sites, setSites] = useState<readonly Site[] | null>(null);
  const [hasFailed, setFailed] = useState(false);
  const [isNew, setNew] = useState(false);
  const at = route.value;
  const id = at.page === "sites" ? at.site : null;
  useEffect(() => {
    desk.client.call<{ sites: Site[] }>("/sites").then(
      ({ sites: found }) => setSites(found),
      () => setFailed(true),
    );
  }, []);
  const site = sites?.find((one) => one.id === id);
  const back = () => (id === null ? openList(currentList()) : go({ page: "sites", site: null }));
  if (site) {
    return (
      <section class="page" aria-label={t("sites")}>
        <div class="page-head">
          <IconButton class="mirrored" icon={icons.back} label={t("back")} onClick={back} />
          <h1 dir="auto">{site.name}</h1>
        </div>
        <SiteSettings key={site.id} site={site} onSaved={(next) => setSites(sites?.map((one) => (one.id === next.id ? next : one)) ?? null)} />
      </section>
    );
  }
  return (
    <section class="page" aria-label={t("sites")}>
      <div class="page-head">
        {isPhone.value && <IconButton class="mirrored" icon={icons.back} label={t("back")} onClick={back} />}
        <h1>{t("sites")}</h1>
        <Button tone="primary" icon={icons.plus} onClick={() => setNew(true)}>{t("addSite")}</Button>
      </div>
      {hasFailed && <p class="page-error" role="alert">{t("notLoaded")}</p>}
      {!sites && !hasFailed && <Skeleton width="40%" />}
      <ul class="sites">
        {sites?.map((one) => (
          <li key={one.id}>
            <a
              href={`#/sites/${one.id}`}
              onClick={(event) => {
                if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                event.preventDefault();
                go({ page: "sites", site: one.id });
              }}
            >
              <b dir="auto">{one.name}</b>
              <small>{one.key}</small>
            </a>
            {one.is_archived && <Badge>{t("archived")}</Badge>}
          </li>
        ))}
      </ul>
      {isNew && (
        <AddSite
          onClose={() => setNew(false)}
          onDone={(made) => {
            setNew(false);
            setSites([...(sites ?? []), made]);
            go({ page: "sites", site: made.id });
          }}
        />
      )}
    </section>
  );
}

const keyFor = (name: string): string =>
  name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);

function AddSite({ onClose, onDone }: { onClose(): void; onDone(site: Site): void }) {
  const { desk } = useConsole();
  const [name, setName] = useState("");
  const [key, setKey] = useState<string | null>(null);
  const [errors, setErrors] = useState<{ name?: string; key?: string }>({});
  const now = key ?? keyFor(name);
  async function save(event?: Event): Promise<void> {
    event?.preventDefault();
    setErrors({});
    try {
      onDone(await desk.client.call<Site>("/sites", { method: "POST", body: { name: name.trim(), key: now } }));
    } catch (cause) {
      const { status, message, details } = asApiError(cause);
      if (status === 409) setErrors({ key: t("keyTaken") });
      else if (status === 422) setErrors({ [details["field"] === "key" ? "key" : "name"]: message });
      else setErrors({ name: status === 403 ? t("notAllowed") : t("notSaved") });
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={t("addSite")}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button tone="primary" onClick={() => void save()}>{t("addSite")}</Button>
        </>
      }
    >
      <form class="rights-form" onSubmit={(event) => void save(event)}>
        <TextField label={t("name")} autofocus required maxLength={200} value={name} onText={setName} error={errors.name} />
        <TextField label={t("siteKey")} required maxLength={40} value={now} onText={setKey} hint={t("siteKeyHint")} error={errors.key} />
        <button type="submit" class="ui-unseen" tabIndex={-1}>{t("addSite")}</button>
      </form>
    </Dialog>
  );
}
