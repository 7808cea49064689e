/** Signing out takes everything from this browser: what is not sent yet is told before. */
import { Button, Dialog } from "@switchboard/ui";
import { useConsole } from "../app/context.ts";
import { many, t } from "../words/words.ts";
import { signOut } from "./login.ts";

export function LeaveDialog() {
  const { layer, desk } = useConsole();
  const close = () => void (layer.value = null);
  const waiting = desk.waiting.value;
  const drafts = desk.drafts.changed.value.size;
  return (
    <Dialog
      open={layer.value === "account"}
      onClose={close}
      title={t("signOutTitle")}
      actions={
        <>
          <Button onClick={close}>{t("cancel")}</Button>
          <Button tone={waiting + drafts > 0 ? "danger" : "primary"} onClick={() => void signOut()}>{t("signOut")}</Button>
        </>
      }
    >
      <p>{t("signOutHint")}</p>
      {waiting > 0 && <p class="entry-error">{many("losesUnsent", waiting)}</p>}
      {drafts > 0 && <p class="entry-error">{many("losesDrafts", drafts)}</p>}
    </Dialog>
  );
}
