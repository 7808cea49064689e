/** Every action of the console, once: for keys, for the palette, for the page of keys, for menus. */
import type { Console } from "../app/console.ts";
import { currentList, go, openChat, openList, route } from "../app/route.ts";
import type { ListName } from "../lists/filters.ts";
import type { PlainKey } from "../words/words.ts";

export type Group = "lists" | "conversation" | "many" | "everywhere";

export interface Command {
  id: string;
  label: PlainKey;
  /** As the kit writes keys: `mod+k`, `g m`. */
  keys?: string;
  group: Group;
  /** Where it does something. */
  can?(console: Console): boolean;
  run(console: Console): void;
  /** Not an entry of the palette: it is of the place where the keys are. */
  isPlace?: boolean;
}

const hasTarget = (console: Console): boolean => console.doing.targets().length > 0;
const isOpen = (): boolean => route.value.page === "lists" && route.value.chat !== null;
const first = (console: Console) => console.desk.row(console.doing.targets()[0] ?? 0);
const isAdmin = ({ desk }: Console): boolean => desk.account.role === "admin";

const list = (id: ListName, label: PlainKey, keys: string): Command => ({ id: `list.${id}`, label, keys, group: "lists", run: () => openList(id) });

export const COMMANDS: readonly Command[] = [
  { id: "next", label: "keyNext", keys: "j", group: "lists", isPlace: true, run: ({ list: at }) => at?.move(1) },
  { id: "previous", label: "keyPrevious", keys: "k", group: "lists", isPlace: true, run: ({ list: at }) => at?.move(-1) },
  {
    id: "open",
    label: "keyOpen",
    keys: "enter",
    group: "lists",
    isPlace: true,
    run(console) {
      const active = console.list?.active() ?? null;
      if (active !== null) openChat(active);
    },
  },
  { id: "search", label: "search", keys: "/", group: "lists", run: (console) => console.focusSearch?.() },
  list("mine", "mine", "g m"),
  list("unassigned", "unassigned", "g u"),
  list("open", "allOpen", "g o"),
  list("pending", "pending", "g p"),
  list("closed", "closed", "g c"),
  { id: "reply", label: "reply", keys: "r", group: "conversation", can: isOpen, run: (console) => console.write("reply") },
  { id: "note", label: "writeNote", keys: "n", group: "conversation", can: isOpen, run: (console) => console.write("note") },
  {
    id: "assign",
    label: "assignTo",
    keys: "a",
    group: "conversation",
    can: hasTarget,
    run(console) {
      console.assigning = console.doing.targets();
      console.layer.value = "assign";
    },
  },
  { id: "toMe", label: "assignToMe", keys: "i", group: "conversation", can: hasTarget, run: ({ doing }) => doing.toMe() },
  { id: "unassign", label: "unassign", keys: "shift+i", group: "conversation", can: (console) => !!first(console)?.assignee, run: ({ doing }) => doing.assign(null) },
  { id: "close", label: "closeConversation", keys: "e", group: "conversation", can: (console) => first(console)?.status !== "closed" && hasTarget(console), run: ({ doing }) => doing.status("closed") },
  { id: "park", label: "park", keys: "z", group: "conversation", can: (console) => first(console)?.status !== "pending" && hasTarget(console), run: ({ doing }) => doing.status("pending") },
  { id: "reopen", label: "reopen", keys: "shift+e", group: "conversation", can: (console) => first(console)?.status !== "open" && hasTarget(console), run: ({ doing }) => doing.status("open") },
  { id: "unread", label: "markUnread", keys: "u", group: "conversation", can: hasTarget, run: ({ doing }) => doing.markUnread() },
  { id: "ban", label: "ban", group: "conversation", can: (console) => first(console)?.isBanned === false, run: ({ doing }) => doing.ban(true) },
  { id: "unban", label: "unban", group: "conversation", can: (console) => first(console)?.isBanned === true, run: ({ doing }) => doing.ban(false) },
  { id: "visitor", label: "showVisitor", keys: "v", group: "conversation", can: isOpen, run: (console) => console.togglePanel() },
  {
    id: "select",
    label: "select",
    keys: "x",
    group: "many",
    isPlace: true,
    run(console) {
      const active = console.list?.active() ?? null;
      if (active !== null) console.toggle([active]);
    },
  },
  { id: "selectAll", label: "selectAll", keys: "mod+a", group: "many", isPlace: true, run: (console) => console.choose((console.desk.list.peek()?.live.items.peek() ?? []).map(({ id }) => id)) },
  { id: "undo", label: "undo", keys: "mod+z", group: "many", run: ({ toasts }) => void toasts.actOnNewest() },
  { id: "palette", label: "palette", keys: "mod+k", group: "everywhere", isPlace: true, run: (console) => void (console.layer.value = "palette") },
  { id: "help", label: "keysHelp", keys: "?", group: "everywhere", run: (console) => void (console.layer.value = "help") },
  { id: "back", label: "back", keys: "escape", group: "everywhere", isPlace: true, run: back },
  { id: "settings", label: "settings", keys: "g s", group: "everywhere", run: () => go({ page: "settings", tab: "general" }) },
  { id: "people", label: "people", keys: "g w", group: "everywhere", can: isAdmin, run: () => go({ page: "people" }) },
  { id: "sites", label: "sites", keys: "g t", group: "everywhere", can: isAdmin, run: () => go({ page: "sites", site: null }) },
  { id: "away", label: "goAway", group: "everywhere", can: ({ desk }) => desk.presence.own.value.availability === "online", run: ({ desk }) => desk.presence.set("away") },
  { id: "online", label: "goOnline", group: "everywhere", can: ({ desk }) => desk.presence.own.value.availability === "away", run: ({ desk }) => desk.presence.set("online") },
  { id: "account", label: "signOut", group: "everywhere", run: (console) => void (console.layer.value = "account") },
];

export const command = (id: string): Command | undefined => COMMANDS.find((one) => one.id === id);
export const keysOf = (id: string): string | undefined => command(id)?.keys;

/** One step towards where one came from. */
function back(console: Console): void {
  const { value: at } = route;
  if (console.chosen.peek().size > 0) console.choose([]);
  else if (at.page !== "lists") openList(currentList());
  else if (console.showsPanel.peek()) console.showsPanel.value = false;
  else if (at.chat !== null) {
    openChat(null);
    console.list?.focus();
  } else if (at.list === "search") {
    console.searchText.value = "";
    openList("mine");
  }
}
