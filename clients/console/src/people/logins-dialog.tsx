import { Button, Dialog } from "@switchboard/ui";
import { useConsole } from "../app/context.ts";
import { Logins } from "../settings/logins.tsx";
import { t } from "../words/words.ts";
import type { Person } from "./people.ts";

export function LoginsDialog({ person, onClose }: { person: Person; onClose(): void }) {
  const { desk, toasts } = useConsole();
  const endAll = () =>
    void desk.client.call(`/users/${person.id}/logins`, { method: "DELETE" }).then(
      () => {
        toasts.show({ text: t("loginsWereEnded") });
        onClose();
      },
      () => toasts.show({ text: t("notSaved"), tone: "danger" }),
    );
  return (
    <Dialog open onClose={onClose} title={t("loginsOf", { name: person.name })} size="medium" actions={<Button tone="danger" onClick={endAll}>{t("endAllLogins")}</Button>}>
      <Logins user={String(person.id)} />
    </Dialog>
  );
}
