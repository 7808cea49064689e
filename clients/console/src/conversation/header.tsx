import { Avatar, Badge, Button, IconButton, Menu, type MenuEntry, tip } from "@switchboard/ui";
import type { Console } from "../app/console.ts";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { isPhone } from "../app/media.ts";
import { format, openChat } from "../app/route.ts";
import type { Row } from "../desk/rows.ts";
import { t } from "../words/words.ts";

/** Who it is, who has it, and what can be done. */
export function Header({ row }: { row: Row }) {
  const console = useConsole();
  const { desk, doing } = console;
  const ids = [row.id];
  const isMine = row.assignee?.id === desk.account.id;
  const site = desk.directory.site(row.siteId);
  // Alone on a phone it is what the page is about.
  const Name = isPhone.value ? "h1" : "h2";
  const assign = () => {
    console.assigning = ids;
    console.layer.value = "assign";
  };
  const entries: MenuEntry[] = [
    ...(isMine ? [] : [{ id: "me", label: t("assignToMe"), icon: icons.mine, keys: "i", onSelect: () => doing.toMe(ids) }]),
    { id: "assign", label: t("assignTo"), icon: icons.assign, keys: "a", onSelect: assign },
    ...(row.assignee ? [{ id: "nobody", label: t("unassign"), icon: icons.unassigned, keys: "shift+i", onSelect: () => doing.assign(null, ids) }] : []),
    "line",
    ...(row.status === "pending" ? [] : [{ id: "park", label: t("park"), icon: icons.clock, keys: "z", onSelect: () => doing.status("pending", ids) }]),
    ...(row.status === "open" ? [] : [{ id: "open", label: t("reopen"), icon: icons.reopen, keys: "shift+e", onSelect: () => doing.status("open", ids) }]),
    { id: "link", label: t("copyLink"), icon: icons.copy, onSelect: () => copyLink(console, row.id) },
    { id: "unread", label: t("markUnread"), icon: icons.mail, keys: "u", onSelect: () => doing.markUnread(ids) },
    "line",
    row.isBanned
      ? { id: "unban", label: t("unban"), icon: icons.ban, onSelect: () => doing.ban(false, ids) }
      : { id: "ban", label: t("ban"), icon: icons.ban, tone: "danger", onSelect: () => doing.ban(true, ids) },
  ];
  return (
    <header class="chat-head">
      {isPhone.value && <IconButton class="mirrored" icon={icons.back} label={t("back")} onClick={() => openChat(null)} />}
      <Avatar name={row.name} id={`c${row.clientId}`} size={30} />
      <div class="chat-who">
        <Name dir="auto" class="chat-name">{row.name}</Name>
        <p>
          <span>#{row.id}</span>
          {site && <span dir="auto">{site.name}</span>}
          <Watching id={row.id} />
        </p>
      </div>
      {row.status !== "open" && <Badge tone={row.status === "closed" ? "neutral" : "warning"}>{row.status === "closed" ? t("isClosed") : t("isPending")}</Badge>}
      {row.isBanned && <Badge tone="danger">{t("banned")}</Badge>}
      <Button class="chat-assignee" size="small" tone={row.assignee ? "quiet" : "plain"} icon={icons.assign} aria-label={`${t("assignTo")}: ${row.assignee?.name ?? t("nobody")}`} {...tip(t("assignTo"), "a")} onClick={assign}>
        <span dir="auto">{isMine ? t("you") : (row.assignee?.name ?? t("nobody"))}</span>
      </Button>
      {row.status === "closed" ? (
        <IconButton icon={icons.reopen} label={t("reopen")} {...tip(t("reopen"), "shift+e")} onClick={() => doing.status("open", ids)} />
      ) : (
        <IconButton icon={icons.close} label={t("closeConversation")} {...tip(t("closeConversation"), "e")} onClick={() => doing.status("closed", ids)} />
      )}
      <Menu label={t("actions")} entries={entries} align="end">
        {(trigger) => <IconButton icon={icons.more} label={t("actions")} {...trigger} />}
      </Menu>
      <IconButton icon={icons.panel} label={t("showVisitor")} {...tip(t("showVisitor"), "v")} onClick={() => console.togglePanel()} />
    </header>
  );
}

function copyLink({ toasts }: Console, id: number): void {
  const link = new URL(format({ page: "lists", list: "open", chat: id, message: null }), document.baseURI).href;
  void navigator.clipboard?.writeText(link).then(
    () => toasts.show({ text: t("copied") }),
    () => toasts.show({ text: t("notCopied"), tone: "danger" }),
  );
}

/** Other operators who look at the same conversation. */
function Watching({ id }: { id: number }) {
  const viewers = useConsole().desk.viewers.of(id);
  if (viewers.length === 0) return null;
  const names = viewers.map(({ name }) => name);
  return (
    <span class="chat-viewers" role="status" dir="auto">
      {t("alsoLooks", { name: names.slice(0, 3).join(", ") })}
    </span>
  );
}
