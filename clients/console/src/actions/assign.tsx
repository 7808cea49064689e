/** Who is to have a conversation: found by a few letters. Those who are there come first. */
import { Avatar, Dialog, filter, type Presence } from "@switchboard/ui";
import { useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import type { Console } from "../app/console.ts";
import { Choices } from "../palette/choices.tsx";
import { t, times } from "../words/words.ts";

interface Choice {
  id: string;
  label: string;
  person: { id: number; name: string } | null;
  presence?: Presence;
  /** When an operator who is not there was there last. */
  seen?: string | null;
}

const RANK: Record<Presence, number> = { online: 0, away: 1, offline: 2 };

interface Person extends Pick<Choice, "presence" | "seen"> {
  id: number;
  name: string;
}

/** Those who work in all the sites that it is about. */
function choices({ desk, assigning }: Console): Choice[] {
  const told = desk.presence.operators.peek();
  const wanted = new Set(assigning.map((id) => desk.directory.site(desk.row(id)?.siteId ?? 0)?.key ?? ""));
  const works = (sites: readonly string[] | null | undefined) => !sites || [...wanted].every((key) => sites.includes(key));
  const people: Person[] = told
    ? [...told.values()]
        .filter(({ sites }) => works(sites))
        .map(({ user_id: id, name, availability, last_seen_at: seen }) => ({ id, name, presence: availability === "off" ? ("offline" as const) : availability, seen: seen ?? null }))
    : (desk.directory.names.peek()?.people ?? []).filter((one) => one.is_active).map(({ id, name }) => ({ id, name }));
  const others = people.filter(({ id }) => id !== desk.account.id).map((person): Choice => ({ id: `u${person.id}`, label: person.name, person, ...(person.presence ? { presence: person.presence } : {}), seen: person.presence === "offline" ? (person.seen ?? null) : null }));
  others.sort((one, other) => RANK[one.presence ?? "offline"] - RANK[other.presence ?? "offline"] || one.label.localeCompare(other.label));
  const { id, name } = desk.account;
  return [{ id: `u${id}`, label: `${name} (${t("you")})`, person: { id, name } }, ...others, { id: "nobody", label: t("nobody"), person: null }];
}

export function AssignDialog() {
  const { layer } = useConsole();
  const close = () => void (layer.value = null);
  return (
    <Dialog open={layer.value === "assign"} onClose={close} title={t("assignTo")} closesOnBackdrop>
      <Choose onDone={close} />
    </Dialog>
  );
}

function Choose({ onDone }: { onDone(): void }) {
  const console = useConsole();
  const [all] = useState(() => choices(console));

  function choose(choice: Choice): void {
    const ids = console.assigning;
    onDone();
    console.doing.assign(choice.person, ids);
  }

  return (
    <Choices name="assign" hint={t("assignHint")} label={t("assignTo")} find={(query) => filter(all, query)} onChoose={choose}>
      {(choice) => (
        <>
          {choice.person ? <Avatar name={choice.person.name} id={choice.id} size={24} presence={choice.presence} /> : <span class="assign-nobody" />}
          <span class="ui-entry-text" dir="auto">{choice.label}</span>
          {choice.seen && <small class="assign-seen">{t("seenAt", { at: times().ago(choice.seen) })}</small>}
        </>
      )}
    </Choices>
  );
}
