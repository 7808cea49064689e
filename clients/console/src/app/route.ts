/** Where the operator is: the part of the address after `#`. A list may have a conversation open beside it. */
import { signal } from "@preact/signals";
import type { ListName } from "../lists/filters.ts";

export type LinkKind = "first" | "join" | "password";

export type Route =
  | { page: "lists"; list: ListName; chat: number | null; message: number | null }
  | { page: "settings"; tab: string }
  | { page: "people" }
  | { page: "sites"; site: number | null }
  | { page: "link"; kind: LinkKind; token: string };

const LISTS = ["mine", "unassigned", "open", "pending", "closed", "search"];
const id = (text: string | undefined): number | null => (text && /^\d{1,15}$/.test(text) ? Number(text) : null);

export function parse(hash: string): Route {
  const link = /^#(first|join|password)=([\w-]{1,200})$/.exec(hash);
  if (link) return { page: "link", kind: link[1] as LinkKind, token: link[2] ?? "" };
  const [page = "", second, third, fourth] = hash.replace(/^#\/?/, "").split("/").map((part) => safely(part));
  if (page === "settings") return { page, tab: second ?? "general" };
  if (page === "people") return { page };
  if (page === "sites") return { page, site: id(second) };
  if (page === "site" && second) return { page: "lists", list: `site:${second}`, chat: id(third), message: id(fourth) };
  const list = LISTS.includes(page) ? (page as ListName) : "mine";
  return { page: "lists", list, chat: id(second), message: id(third) };
}

function safely(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function format(route: Route): string {
  switch (route.page) {
    case "link":
      return `#${route.kind}=${route.token}`;
    case "settings":
      return `#/settings/${route.tab}`;
    case "people":
      return "#/people";
    case "sites":
      return route.site === null ? "#/sites" : `#/sites/${route.site}`;
    default: {
      const list = route.list.startsWith("site:") ? `site/${encodeURIComponent(route.list.slice(5))}` : route.list;
      return `#/${[list, route.chat, route.message].filter((part) => part !== null).join("/")}`;
    }
  }
}

export const route = signal<Route>(parse(location.hash));

addEventListener("hashchange", () => void (route.value = parse(location.hash)));

/** `replaces`: going back passes over where one was. */
export function go(to: Route, replaces = false): void {
  const address = format(to);
  if (address === format(route.peek()) && location.hash === address) return;
  history[replaces ? "replaceState" : "pushState"](null, "", address);
  route.value = to;
}

/** The list where the operator is, or was last. */
let lastList: ListName = "mine";
export function currentList(): ListName {
  const now = route.value;
  if (now.page === "lists") lastList = now.list;
  return lastList;
}

export const openChat = (chat: number | null, list = currentList()): void => go({ page: "lists", list, chat, message: null });
export const openList = (list: ListName): void => go({ page: "lists", list, chat: null, message: null });
