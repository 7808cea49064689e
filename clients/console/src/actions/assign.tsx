/** Who is to have a conversation: found by a few letters. Those who are there come first. */
import { Avatar, Dialog, filter, type Presence } from "@switchboard/ui";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import type { Console } from "../app/console.ts";
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
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const found = filter(all, query);
  const at = Math.min(active, found.length - 1);
  useLayoutEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }), [at, query]);

  function choose(choice: Choice | undefined): void {
    if (!choice) return;
    const ids = console.assigning;
    onDone();
    console.doing.assign(choice.person, ids);
  }

  function keyed(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === 229) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setActive((at + step + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") choose(found[at]);
    else return;
    event.preventDefault();
  }

  return (
    <div class="palette">
      <input
        class="ui-input"
        type="text"
        role="combobox"
        dir="auto"
        autocomplete="off"
        spellcheck={false}
        autofocus
        aria-label={t("assignHint")}
        aria-expanded="true"
        aria-controls="assign-list"
        aria-autocomplete="list"
        aria-activedescendant={found[at] ? `assign-${at}` : undefined}
        placeholder={t("assignHint")}
        value={query}
        onInput={({ currentTarget }) => {
          setQuery(currentTarget.value);
          setActive(0);
        }}
        onKeyDown={keyed}
      />
      <div ref={list} id="assign-list" class="palette-list" role="listbox" aria-label={t("assignTo")} tabIndex={-1}>
        {found.map((choice, index) => (
          <div key={choice.id} id={`assign-${index}`} class={index === at ? "ui-entry ui-current" : "ui-entry"} role="option" aria-selected={index === at} onPointerMove={() => setActive(index)} onClick={() => choose(choice)}>
            {choice.person ? <Avatar name={choice.person.name} id={choice.id} size={24} presence={choice.presence} /> : <span class="assign-nobody" />}
            <span class="ui-entry-text" dir="auto">{choice.label}</span>
            {choice.seen && <small class="assign-seen">{t("seenAt", { at: times().ago(choice.seen) })}</small>}
          </div>
        ))}
      </div>
      {found.length === 0 && <p>{t("nothingFound")}</p>}
    </div>
  );
}
