/** A link that is shown this once. */
import { Button, Dialog } from "@switchboard/ui";
import { useState } from "preact/hooks";
import * as icons from "../app/icons.ts";
import { BASE } from "../app/server.ts";
import { t } from "../words/words.ts";

/** A server that was not told its public address gives the path alone. */
const whole = (link: string): string => (link.startsWith("/") ? BASE + link : link);

export function LinkDialog({ title, hint, link: told, onClose }: { title: string; hint: string; link: string; onClose(): void }) {
  const link = whole(told);
  const [isCopied, setCopied] = useState(false);
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      // Browsers let pages copy only over HTTPS and on this machine itself.
      document.querySelector<HTMLInputElement>(".link-field")?.select();
      return;
    }
    setCopied(true);
  }
  return (
    <Dialog open onClose={onClose} title={title} size="medium" actions={<Button tone="primary" icon={icons.copy} onClick={() => void copy()}>{isCopied ? t("copied") : t("copyLink")}</Button>}>
      <p>{hint}</p>
      <input class="ui-input link-field" type="text" readOnly dir="ltr" aria-label={title} value={link} onFocus={({ currentTarget }) => currentTarget.select()} />
      <span class="ui-unseen" role="status">{isCopied ? t("copied") : ""}</span>
    </Dialog>
  );
}
