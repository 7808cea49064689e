/** What is pasted into a page. */
import { Button } from "@switchboard/ui";
import { useState } from "preact/hooks";
import * as icons from "../app/icons.ts";
import { BASE } from "../app/server.ts";
import { t } from "../words/words.ts";

export function Snippet({ site }: { site: string }) {
  const code = `<script async src="${BASE}/widget.js" data-site="${site}"></script>\n<noscript><a href="${BASE}/talk/${site}">${t("chatWithUs")}</a></noscript>`;
  const [isCopied, setCopied] = useState(false);
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(code);
      setCopied(true);
    } catch {
      const shown = document.querySelector(".snippet code");
      if (shown) getSelection()?.selectAllChildren(shown);
    }
  }
  return (
    <>
      <p>{t("pasteHint")}</p>
      <pre class="snippet" dir="ltr" tabIndex={0} role="region" aria-label={t("siteInstall")}>
        <code>{code}</code>
      </pre>
      <div>
        <Button tone="primary" icon={icons.copy} onClick={() => void copy()}>{isCopied ? t("copied") : t("copyCode")}</Button>
      </div>
      <p class="page-soft">{t("allowHint")}</p>
    </>
  );
}
