import { Avatar, Badge, Button, Icon, IconButton, type IconNode, Menu, type MenuEntry, most, tip } from "@switchboard/ui";
import { account } from "../account/login.ts";
import { useConsole } from "../app/context.ts";
import * as icons from "../app/icons.ts";
import { currentList, format, go, openList, route } from "../app/route.ts";
import { keysOf } from "../keys/commands.ts";
import { many, type PlainKey, t } from "../words/words.ts";
import type { ListName } from "./filters.ts";
import "./sidebar.css";

interface ItemProps {
  to: ListName;
  label: string;
  icon?: IconNode;
  count?: number | undefined;
  keys?: string | undefined;
  /** Somebody waits there. */
  isCalling?: boolean;
}

function Item({ to, label, icon, count, keys, isCalling = false }: ItemProps) {
  const isHere = route.value.page === "lists" && currentList() === to;
  const { layer } = useConsole();
  return (
    <a
      class="side-item"
      href={format({ page: "lists", list: to, chat: null, message: null })}
      aria-current={isHere ? "page" : undefined}
      {...(keys ? tip(label, keys) : {})}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        layer.value = null;
        openList(to);
      }}
    >
      {icon ? <Icon icon={icon} /> : <span class="side-dot" />}
      <span class="side-label" dir="auto">{label}</span>
      {count !== undefined && count > 0 && (
        <Badge tone={isCalling ? "accent" : "neutral"} label={many("conversations", count)}>
          {most(count, 999)}
        </Badge>
      )}
    </a>
  );
}

/** The lists, and the operator's own menu. On a phone it is laid over the list. */
export function Sidebar() {
  const { desk } = useConsole();
  const counts = desk.counts.counts.value;
  const names = desk.directory.names.value;
  const sites = names?.sites.filter((site) => !site.is_archived) ?? [];
  const items: [ListName, PlainKey, IconNode, number | undefined][] = [
    ["mine", "mine", icons.mine, counts?.mine],
    ["unassigned", "unassigned", icons.unassigned, counts?.unassigned],
    ["open", "allOpen", icons.open, counts?.open],
    ["pending", "pending", icons.clock, counts?.pending],
    ["closed", "closed", icons.close, undefined],
  ];
  return (
    <div class="side">
      <Self />
      <nav aria-label={t("lists")}>
        {items.map(([name, label, icon, count]) => (
          <Item key={name} to={name} label={t(label)} icon={icon} count={count} keys={keysOf(`list.${name}`)} isCalling={name === "unassigned"} />
        ))}
      </nav>
      {sites.length > 0 && (
        <nav aria-label={t("sites")}>
          <h2>{t("sites")}</h2>
          {sites.map(({ id, key, name }) => (
            <Item key={id} to={`site:${key}`} label={name} count={counts?.sites.find((site) => site.site === key)?.open} />
          ))}
        </nav>
      )}
      <Team />
      <Foot />
    </div>
  );
}

/** The other operators who are there. */
function Team() {
  const { desk } = useConsole();
  const operators = [...(desk.presence.operators.value?.values() ?? [])].filter(({ user_id: id, availability }) => id !== desk.account.id && availability !== "off");
  if (operators.length === 0) return null;
  return (
    <section class="side-team" aria-label={t("team")}>
      <h2>{t("team")}</h2>
      <ul>
        {operators.slice(0, 12).map((one) => (
          <li key={one.user_id}>
            <Avatar name={one.name} id={`u${one.user_id}`} size={20} presence={one.availability === "away" ? "away" : "online"} />
            <span dir="auto">{one.name}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Self() {
  const console = useConsole();
  const { desk, layer } = console;
  const { name, id } = account.value ?? desk.account;
  const own = desk.presence.own.value.availability;
  const entries: MenuEntry[] = [
    { id: "online", label: t("online"), checked: own === "online", onSelect: () => desk.presence.set("online") },
    { id: "away", label: t("away"), icon: icons.away, checked: own === "away", onSelect: () => desk.presence.set("away") },
    "line",
    { id: "profile", label: t("profile"), icon: icons.person, onSelect: () => go({ page: "settings", tab: "profile" }) },
    { id: "settings", label: t("settings"), icon: icons.settings, keys: "g s", onSelect: () => go({ page: "settings", tab: "general" }) },
    { id: "keys", label: t("keysHelp"), icon: icons.keyboard, keys: "?", onSelect: () => void (layer.value = "help") },
    "line",
    { id: "leave", label: t("signOut"), icon: icons.leave, onSelect: () => void (layer.value = "account") },
  ];
  return (
    <div class="side-self">
      <Menu label={t("account")} entries={entries}>
        {(trigger) => (
          <button type="button" class="side-account" {...trigger}>
            <Avatar name={name} id={`u${id}`} size={24} presence={own === "away" ? "away" : "online"} />
            <span class="side-label" dir="auto">{name}</span>
          </button>
        )}
      </Menu>
      <IconButton icon={icons.search} label={t("palette")} size="small" {...tip(t("palette"), "mod+k")} onClick={() => void (layer.value = "palette")} />
    </div>
  );
}

function Foot() {
  const { desk, layer } = useConsole();
  const isAdmin = desk.account.role === "admin";
  const to = (page: "people" | "sites" | "settings") => () => {
    layer.value = null;
    go(page === "settings" ? { page, tab: "general" } : page === "sites" ? { page, site: null } : { page });
  };
  const here = (page: string) => (route.value.page === page ? ("page" as const) : undefined);
  return (
    <nav class="side-foot" aria-label={t("more")}>
      {isAdmin && (
        <>
          <Button tone="quiet" size="small" icon={icons.people} aria-current={here("people")} onClick={to("people")}>{t("people")}</Button>
          <Button tone="quiet" size="small" icon={icons.site} aria-current={here("sites")} onClick={to("sites")}>{t("sites")}</Button>
        </>
      )}
      <Button tone="quiet" size="small" icon={icons.settings} aria-current={here("settings")} onClick={to("settings")}>{t("settings")}</Button>
    </nav>
  );
}
