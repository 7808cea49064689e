/** What can be done to the conversations that are chosen. */
import { Button, IconButton, icons as kit, tip } from "@switchboard/ui";
import { useState } from "preact/hooks";
import { useConsole } from "../app/context.ts";
import type { Console } from "../app/console.ts";
import * as icons from "../app/icons.ts";
import { many, t } from "../words/words.ts";
import { Pages } from "./pages.ts";

/** So many are chosen at once at most. */
const MOST = 10_000;
const PAGE = 200;

/** Chooses all that match, also those that were not scrolled to. */
async function chooseAll(console: Console, isWanted: () => boolean): Promise<void> {
  const shown = console.desk.list.peek();
  if (!shown) return;
  const pages = new Pages(console.desk.client, shown.live.filter);
  const ids = new Set(shown.live.items.peek().map(({ id }) => id));
  while (!pages.isWhole && ids.size < MOST && isWanted()) {
    const found = await pages.more(PAGE);
    if (found.length === 0 && !pages.isWhole) break;
    for (const { session_id: id } of found) ids.add(id);
    console.choose(ids);
  }
  pages.stop();
  console.choose(ids);
}

export function Bulk() {
  const console = useConsole();
  const { chosen, doing, desk } = console;
  const [isLoading, setLoading] = useState(false);
  const count = chosen.value.size;
  if (count === 0) return null;
  const items = desk.list.value?.live.items.value ?? [];
  const isWhole = desk.list.value?.pages.isWhole ?? true;
  const name = desk.list.value?.live.filter.name;
  const counts = desk.counts.counts.value;
  const total = name === "mine" || name === "unassigned" || name === "open" || name === "pending" ? counts?.[name] : undefined;
  const canMore = count < items.length || !isWhole;
  const all = () => {
    setLoading(true);
    void chooseAll(console, () => chosen.peek().size > 0).finally(() => setLoading(false));
  };
  return (
    <div class="bulk" role="toolbar" aria-label={t("chosen")}>
      <span role="status">{many("chosenCount", count)}</span>
      {canMore && (
        <Button size="small" tone="quiet" disabled={isLoading} onClick={all}>
          {total !== undefined && total > count ? many("selectAllOf", total) : t("selectAll")}
        </Button>
      )}
      <IconButton size="small" icon={icons.mine} label={t("assignToMe")} {...tip(t("assignToMe"), "i")} onClick={() => doing.toMe()} />
      <IconButton
        size="small"
        icon={icons.assign}
        label={t("assignTo")}
        {...tip(t("assignTo"), "a")}
        onClick={() => {
          console.assigning = doing.targets();
          console.layer.value = "assign";
        }}
      />
      <IconButton size="small" icon={icons.clock} label={t("park")} {...tip(t("park"), "z")} onClick={() => doing.status("pending")} />
      <IconButton size="small" icon={icons.close} label={t("closeConversation")} {...tip(t("closeConversation"), "e")} onClick={() => doing.status("closed")} />
      <IconButton size="small" icon={kit.close} label={t("chooseNone")} {...tip(t("chooseNone"), "escape")} onClick={() => console.choose([])} />
    </div>
  );
}
