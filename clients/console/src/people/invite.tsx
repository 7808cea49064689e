import { Button, Dialog, TextField } from "@switchboard/ui";
import { asApiError } from "@switchboard/sdk";
import { useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import { t } from "../words/words.ts";
import { type Invitation, isEmail, type Role } from "./people.ts";
import { Rights } from "./rights.tsx";

export function Invite({ onClose, onDone }: { onClose(): void; onDone(invitation: Invitation): void }) {
  const { desk } = useConsole();
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const [sites, setSites] = useState<readonly string[] | null>(null);
  const [error, setError] = useState<string | undefined>();
  const [isBusy, setBusy] = useState(false);

  async function submit(event?: Event): Promise<void> {
    event?.preventDefault();
    if (isBusy) return;
    if (!isEmail(email)) {
      setError(t("emailWrong"));
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      const body = { email: email.trim(), role, sites, ...(name.trim() ? { name: name.trim() } : {}) };
      onDone(await desk.client.call<Invitation>("/invitations", { method: "POST", body }));
    } catch (cause) {
      const { status, message } = asApiError(cause);
      setError(status === 409 ? t("emailTaken") : status === 422 ? message : status === 403 ? t("notAllowed") : t("notSaved"));
      setBusy(false);
    }
  }

  return (
    <Dialog
      open
      onClose={onClose}
      title={t("invite")}
      actions={
        <>
          <Button onClick={onClose}>{t("cancel")}</Button>
          <Button tone="primary" onClick={() => void submit()}>{t("makeLink")}</Button>
        </>
      }
    >
      <p>{t("inviteHint")}</p>
      <form class="rights-form" onSubmit={(event) => void submit(event)}>
        <TextField label={t("email")} type="email" autocomplete="off" autofocus required value={email} onText={setEmail} error={error} />
        <TextField label={t("nameOptional")} autocomplete="off" maxLength={200} value={name} onText={setName} />
        <Rights role={role} sites={sites} onRole={setRole} onSites={setSites} />
        <button type="submit" class="ui-unseen" tabIndex={-1}>{t("makeLink")}</button>
      </form>
    </Dialog>
  );
}
