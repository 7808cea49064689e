import { useSignal } from "@preact/signals";
import { Button, Dialog, IconButton, Menu, type MenuEntry, TextField } from "../src/index.ts";
import { clock, mail, more, person, stop } from "./icons.ts";
import { Section } from "./section.tsx";
import { did } from "./state.ts";
import type { Texts } from "./texts.ts";

export function Dialogs({ t }: { t: Texts }) {
  const open = useSignal(false);
  const reason = useSignal("");
  const close = (what: string) => {
    open.value = false;
    did(what);
  };
  return (
    <Section title={t.dialogs}>
      <div class="line">
        <Button data-opens="dialog" onClick={() => void (open.value = true)}>{t.openDialog}</Button>
      </div>
      <Dialog
        open={open.value}
        onClose={() => close("dialog closed")}
        title={t.dialogTitle}
        closesOnBackdrop
        actions={
          <>
            <Button onClick={() => close("dialog cancelled")}>{t.cancel}</Button>
            <Button tone="primary" onClick={() => close("dialog confirmed")}>{t.confirm}</Button>
          </>
        }
      >
        <p>{t.dialogText}</p>
        <TextField label={t.reason} value={reason.value} onText={(text) => void (reason.value = text)} />
      </Dialog>
    </Section>
  );
}

export function Menus({ t }: { t: Texts }) {
  const starred = useSignal(true);
  const banning = useSignal(false);
  const entries: MenuEntry[] = [
    { id: "me", label: t.toMe, icon: person, keys: "i", onSelect: () => did("assigned to me") },
    { id: "snooze", label: t.snooze, icon: clock, keys: "z", onSelect: () => did("snoozed") },
    { id: "unread", label: t.unread, icon: mail, keys: "mod+u", onSelect: () => did("unread") },
    "line",
    { id: "star", label: t.starred, checked: starred.value, onSelect: () => void (starred.value = !starred.value) },
    { id: "merge", label: t.merge, disabled: true, onSelect: () => did("merged") },
    "line",
    { id: "ban", label: t.ban, icon: stop, tone: "danger", onSelect: () => void (banning.value = true) },
  ];
  return (
    <Section title={t.menus}>
      <div class="line">
        <Menu label={t.moreButton} entries={entries}>
          {(trigger) => <Button {...trigger}>{t.moreButton}</Button>}
        </Menu>
        <Menu label={t.more} entries={entries} align="end">
          {(trigger) => <IconButton icon={more} label={t.more} {...trigger} />}
        </Menu>
      </div>
      <Dialog
        open={banning.value}
        onClose={() => void (banning.value = false)}
        title={t.ban}
        actions={<Button tone="danger" onClick={() => void (banning.value = false)}>{t.ban}</Button>}
      >
        <p>{t.dialogText}</p>
      </Dialog>
    </Section>
  );
}
