/** The frame of the console: lists at the side, what is chosen beside them. On a phone one of them at a time. */
import { Dialog, Skeleton, Toaster, Tooltips } from "@switchboard/ui";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { LeaveDialog } from "../account/leave-dialog.tsx";
import { AssignDialog } from "../actions/assign.tsx";
import { Conversation } from "../conversation/conversation.tsx";
import { Help } from "../keys/help.tsx";
import { Lists } from "../lists/lists.tsx";
import { Sidebar } from "../lists/sidebar.tsx";
import { Banner } from "../offline/banner.tsx";
import { Palette } from "../palette/palette.tsx";
import { t } from "../words/words.ts";
import { useConsole } from "./context.ts";
import { isPhone } from "./media.ts";
import { route } from "./route.ts";
import "./shell.css";

const PAGES = {
  settings: () => import("../settings/page.tsx").then(({ SettingsPage }) => SettingsPage),
  people: () => import("../people/page.tsx").then(({ PeoplePage }) => PeoplePage),
  sites: () => import("../sites/page.tsx").then(({ SitesPage }) => SitesPage),
};
const loaded = new Map<keyof typeof PAGES, ComponentType>();

/** A page that is not in the first script. */
function Later({ page }: { page: keyof typeof PAGES }) {
  const [, setReady] = useState(0);
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    setFailed(false);
    if (loaded.has(page)) return;
    PAGES[page]().then(
      (found) => {
        loaded.set(page, found);
        setReady((count) => count + 1);
      },
      () => setFailed(true),
    );
  }, [page]);
  const Page = loaded.get(page);
  if (Page) return <Page />;
  return (
    <section class="page" aria-busy={!hasFailed}>
      {hasFailed ? <p>{t("notLoaded")}</p> : <Skeleton width="12rem" />}
    </section>
  );
}

const NotAllowed = () => (
  <section class="page">
    <h1>{t("notAllowed")}</h1>
  </section>
);

export function Shell() {
  const { layer, toasts, desk } = useConsole();
  const at = route.value;
  const isChat = at.page === "lists" && at.chat !== null;
  const isOfAdmins = at.page === "people" || at.page === "sites";
  const main =
    at.page === "lists" ? <Conversation /> : at.page === "link" ? null : isOfAdmins && desk.account.role !== "admin" ? <NotAllowed /> : <Later page={at.page} />;
  const showsLists = at.page === "lists" && (!isPhone.value || !isChat);
  const showsMain = !isPhone.value || isChat || at.page !== "lists";
  if (!desk.isReady.value) return <div class="shell" aria-busy="true" />;
  return (
    <>
      <div class={at.page === "lists" ? "shell" : "shell shell-page"}>
        <Banner />
        {!isPhone.value && <Sidebar />}
        {showsLists && (isPhone.value ? <main class="shell-main"><Lists /></main> : <Lists />)}
        {showsMain && (
          <main class="shell-main">
            {main}
          </main>
        )}
        <Tooltips />
      </div>
      {isPhone.value && (
        <Dialog open={layer.value === "menu"} onClose={() => void (layer.value = null)} title={t("lists")} closesOnBackdrop>
          <Sidebar />
        </Dialog>
      )}
      <Palette />
      <Help />
      <AssignDialog />
      <LeaveDialog />
      <Toaster toasts={toasts} />
    </>
  );
}
