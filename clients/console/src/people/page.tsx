/** Who works here: roles and sites, invitations, what was forgotten, who may not come any more. */
import { Avatar, Badge, Button, IconButton, Menu, type MenuEntry, Skeleton } from "@switchboard/ui";
import { useSignal } from "@preact/signals";
import { asApiError, query } from "@switchboard/sdk";
import { useEffect, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { isPhone } from "../app/media.ts";
import { currentList, openList } from "../app/route.ts";
import { now } from "../app/clock.ts";
import { t, times } from "../words/words.ts";
import { Edit } from "./edit.tsx";
import { Invite } from "./invite.tsx";
import { LinkDialog } from "./link-dialog.tsx";
import { LoginsDialog } from "./logins-dialog.tsx";
import { type Invitation, type Person, ROLES } from "./people.ts";
import "./page.css";

type Shown = { kind: "invite" } | { kind: "edit"; person: Person } | { kind: "logins"; person: Person } | { kind: "link"; link: string; title: string; hint: string } | null;

interface Page {
  users: Person[];
  next_cursor?: string | number | null;
}

const SEARCH_MS = 200;

export function PeoplePage() {
  const { desk, toasts } = useConsole();
  const [people, setPeople] = useState<readonly Person[] | null>(null);
  const [invitations, setInvitations] = useState<readonly Invitation[]>([]);
  const [cursor, setCursor] = useState<string | number | null>(null);
  const [hasFailed, setFailed] = useState(false);
  const [text, setText] = useState("");
  const shown = useSignal<Shown>(null);

  const load = async (from: string | number | null, isWanted: () => boolean) => {
    try {
      const page = await desk.client.call<Page>(query("/users", { q: text.trim() || null, cursor: from }));
      if (!isWanted()) return;
      setPeople((before) => (from === null ? page.users : [...(before ?? []), ...page.users]));
      setCursor(page.next_cursor ?? null);
      setFailed(false);
    } catch {
      if (isWanted()) setFailed(true);
    }
  };
  const loadInvitations = () =>
    desk.client.call<{ invitations: Invitation[] }>("/invitations").then(
      ({ invitations: found }) => setInvitations(found),
      () => undefined,
    );

  useEffect(() => {
    let isWanted = true;
    const timer = setTimeout(() => void load(null, () => isWanted), text === "" ? 0 : SEARCH_MS);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [text]);
  useEffect(() => void loadInvitations(), []);

  const replace = (person: Person) => setPeople((before) => before?.map((one) => (one.id === person.id ? { ...one, ...person } : one)) ?? null);

  async function change(person: Person, some: Partial<Person>): Promise<void> {
    replace({ ...person, ...some });
    try {
      replace(await desk.client.call<Person>(`/users/${person.id}`, { method: "PATCH", body: some }));
      toasts.show({ text: t(some.is_active === false ? "didDeactivate" : some.is_active ? "didActivate" : "saved"), ...(some.is_active === false ? { action: { label: t("undo"), run: () => void change({ ...person, ...some }, { is_active: true }) } } : {}) });
    } catch (cause) {
      replace(person);
      toasts.show({ text: asApiError(cause).status === 409 ? t("lastAdmin") : t("notSaved"), tone: "danger" });
    }
  }

  async function passwordLink(person: Person): Promise<void> {
    try {
      const { link } = await desk.client.call<{ link: string }>(`/users/${person.id}/password-link`, { method: "POST" });
      shown.value = { kind: "link", link, title: t("passwordLink"), hint: t("passwordLinkHint", { name: person.name }) };
    } catch {
      toasts.show({ text: t("notSaved"), tone: "danger" });
    }
  }

  async function withdraw(invitation: Invitation): Promise<void> {
    setInvitations((before) => before.filter(({ id }) => id !== invitation.id));
    await desk.client.call(`/invitations/${invitation.id}`, { method: "DELETE" }).then(
      () => toasts.show({ text: t("didWithdraw") }),
      () => {
        toasts.show({ text: t("notSaved"), tone: "danger" });
        void loadInvitations();
      },
    );
  }

  const entriesOf = (person: Person): MenuEntry[] => [
    { id: "edit", label: t("edit"), icon: icons.draft, onSelect: () => void (shown.value = { kind: "edit", person }) },
    { id: "logins", label: t("logins"), icon: icons.person, onSelect: () => void (shown.value = { kind: "logins", person }) },
    { id: "password", label: t("passwordLink"), icon: icons.key, onSelect: () => void passwordLink(person) },
    "line",
    person.is_active
      ? { id: "off", label: t("deactivate"), icon: icons.ban, tone: "danger", disabled: person.id === desk.account.id, onSelect: () => void change(person, { is_active: false }) }
      : { id: "on", label: t("activate"), icon: icons.reopen, onSelect: () => void change(person, { is_active: true }) },
  ];

  const close = () => void (shown.value = null);
  const at = shown.value;
  return (
    <section class="page" aria-label={t("people")}>
      <div class="page-head">
        {isPhone.value && <IconButton class="mirrored" icon={icons.back} label={t("back")} onClick={() => openList(currentList())} />}
        <h1>{t("people")}</h1>
        <Button tone="primary" icon={icons.plus} onClick={() => void (shown.value = { kind: "invite" })}>{t("invite")}</Button>
      </div>
      <input class="ui-input people-search" type="search" dir={text === "" ? undefined : "auto"} maxLength={100} aria-label={t("searchPeople")} placeholder={t("searchPeople")} value={text} onInput={({ currentTarget }) => setText(currentTarget.value)} />
      {invitations.length > 0 && (
        <>
          <h2>{t("invitations")}</h2>
          <ul class="people">
            {invitations.map((one) => (
              <li key={one.id}>
                <Avatar name={one.name || one.email} id={one.email} size={32} />
                <span class="people-who">
                  <b dir="auto">{one.name || one.email}</b>
                  <small>{[one.name ? one.email : "", t(ROLES[one.role]), t("goodUntil", { at: times().full(one.expires_at) })].filter(Boolean).join(" · ")}</small>
                </span>
                <Button size="small" onClick={() => void withdraw(one)}>{t("withdraw")}</Button>
              </li>
            ))}
          </ul>
          <h2>{t("accounts")}</h2>
        </>
      )}
      {hasFailed && <p class="page-error" role="alert">{t("peopleFailed")}</p>}
      {!people && !hasFailed && (
        <div class="page-narrow" aria-busy="true">
          <Skeleton width="40%" />
          <Skeleton width="60%" />
        </div>
      )}
      {people?.length === 0 && <p class="page-soft">{t("nothingFound")}</p>}
      {people && people.length > 0 && (
        <ul class="people">
          {people.map((person) => (
            <li key={person.id} class={person.is_active ? "" : "people-off"}>
              <Avatar name={person.name} id={`u${person.id}`} size={32} />
              <span class="people-who">
                <b dir="auto">{person.name}</b>
                <small dir="auto">{[person.email, person.sites ? person.sites.join(", ") : t("allSites"), person.last_seen_at ? t("seenAt", { at: times().ago(person.last_seen_at, now.value) }) : ""].filter(Boolean).join(" · ")}</small>
              </span>
              {!person.is_active && <Badge tone="danger">{t("inactive")}</Badge>}
              <Badge tone={person.role === "admin" ? "accent" : "neutral"}>{t(ROLES[person.role])}</Badge>
              <Menu label={t("actions")} entries={entriesOf(person)} align="end">
                {(trigger) => <IconButton icon={icons.more} label={`${t("actions")}: ${person.name}`} size="small" {...trigger} />}
              </Menu>
            </li>
          ))}
        </ul>
      )}
      {cursor !== null && <Button onClick={() => void load(cursor, () => true)}>{t("showMore")}</Button>}
      {at?.kind === "invite" && (
        <Invite
          onClose={close}
          onDone={(invitation) => {
            setInvitations((before) => [invitation, ...before.filter(({ id }) => id !== invitation.id)]);
            shown.value = { kind: "link", link: invitation.link ?? "", title: t("inviteLink"), hint: t("inviteLinkHint", { email: invitation.email }) };
          }}
        />
      )}
      {at?.kind === "edit" && (
        <Edit
          person={at.person}
          onClose={close}
          onSave={(some) => {
            close();
            void change(at.person, some);
          }}
        />
      )}
      {at?.kind === "logins" && <LoginsDialog person={at.person} onClose={close} />}
      {at?.kind === "link" && <LinkDialog title={at.title} hint={at.hint} link={at.link} onClose={close} />}
    </section>
  );
}
