import { Button, Dialog, TextField } from "@switchboard/ui";
import { useState } from "preact/hooks";
import { t } from "../words/words.ts";
import type { Person } from "./people.ts";
import { Rights } from "./rights.tsx";

export function Edit({ person, onClose, onSave }: { person: Person; onClose(): void; onSave(some: Partial<Person>): void }) {
  const [name, setName] = useState(person.name);
  const [role, setRole] = useState(person.role);
  const [sites, setSites] = useState(person.sites);
  function save(): void {
    const some: Partial<Person> = {};
    if (name.trim() !== person.name && name.trim() !== "") some.name = name.trim();
    if (role !== person.role) some.role = role;
    if (JSON.stringify(sites) !== JSON.stringify(person.sites)) some.sites = sites;
    if (Object.keys(some).length > 0) onSave(some);
    else onClose();
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={person.name}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button tone="primary" onClick={save}>{t("save")}</Button>
        </>
      }
    >
      <div class="rights-form">
        <TextField label={t("name")} value={name} maxLength={200} onText={setName} />
        <Rights role={role} sites={sites} onRole={setRole} onSites={setSites} />
      </div>
    </Dialog>
  );
}
