import { useSignal } from "@preact/signals";
import { Avatar, Badge, Button, Combobox, IconButton, type Option, Tabs, Toasts, filter, tip } from "../src/index.ts";
import { star, tick } from "./icons.ts";
import { Section } from "./section.tsx";
import { did } from "./state.ts";
import type { Texts } from "./texts.ts";

const PEOPLE: Option[] = ["Ana Silva", "Omar Haddad", "Li Wei", "Marta Kowalska", "Jonas Berg", "Élodie Martin", "ليلى منصور", "Noah Smith", "Yuki Tanaka", "Joana Prado"].map((label, index) => ({ id: `person-${index}`, label, disabled: index === 4 }));
const SITES: Option[] = Array.from({ length: 40 }, (_, index) => ({ id: `site-${index}`, label: `shop-${index}.example` }));

/** A server that needs 300 ms, and 900 for a single letter, so that answers come out of order. */
async function sites(query: string): Promise<Option[]> {
  await new Promise((resolve) => setTimeout(resolve, query.length === 1 ? 900 : 300));
  if (query === "fail") throw new Error("the server is away");
  return filter(SITES, query, 20);
}

export function Comboboxes({ t }: { t: Texts }) {
  const person = useSignal<Option | null>(null);
  const site = useSignal<Option | null>(null);
  return (
    <Section title={t.comboboxes}>
      <div class="stack">
        <Combobox
          label={t.assignee}
          hint={t.assigneeHint}
          placeholder={t.nobody}
          options={PEOPLE}
          value={person.value}
          before={({ id, label }) => <Avatar id={id} name={label} size={20} />}
          onChange={(next) => {
            person.value = next;
            did(`assignee ${next?.label ?? "none"}`);
          }}
        />
        <Combobox label={t.site} hint={t.siteHint} options={sites} value={site.value} onChange={(next) => void (site.value = next)} />
      </div>
    </Section>
  );
}

export const toasts = new Toasts();
let closed = 0;

export const Toasting = ({ t }: { t: Texts }) => (
  <Section title={t.toasts}>
    <div class="line">
      <Button
        data-opens="toast"
        onClick={() => {
          const count = (closed += 1);
          toasts.show({ text: `${t.closed} (${count})`, action: { label: t.undo, run: () => did(`undone ${count}`) } });
        }}
      >
        {t.closeChat}
      </Button>
      <Button onClick={() => toasts.show({ text: t.saved })}>{t.told}</Button>
      <Button onClick={() => toasts.show({ text: t.notSent, tone: "danger", action: { label: t.retry, run: () => did("retried") } })}>{t.failed}</Button>
    </div>
  </Section>
);

export const Tipping = ({ t }: { t: Texts }) => (
  <Section title={t.tooltips}>
    <div class="line">
      <IconButton icon={star} label={t.star} {...tip(t.star, "s")} />
      <IconButton icon={tick} label={t.confirm} {...tip(t.tooltipText, "e")} />
    </div>
  </Section>
);

export function Tabbed({ t }: { t: Texts }) {
  const tab = useSignal("mine");
  const tabs = [
    { id: "mine", label: t.mine, after: <Badge tone="accent">3</Badge> },
    { id: "unassigned", label: t.unassigned, after: <Badge>12</Badge> },
    { id: "all", label: t.all },
  ];
  return (
    <Section title={t.tabs}>
      <Tabs label={t.lists} tabs={tabs} value={tab.value} onChange={(id) => void (tab.value = id)}>
        <span class="soft">{t.panelOf(tabs.find(({ id }) => id === tab.value)?.label ?? "")}</span>
      </Tabs>
    </Section>
  );
}
