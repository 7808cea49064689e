/** Which conversations a list has, and in which order: the same here and at the server. */
import type { Row } from "../desk/rows.ts";

export type ListName = "mine" | "unassigned" | "open" | "pending" | "closed" | "search" | `site:${string}`;
export type Sort = "recent" | "waiting" | "newest";
export const SORTS: readonly Sort[] = ["recent", "waiting", "newest"];

export interface Filter {
  name: ListName;
  sort: Sort;
  /** Of a search: what is looked for. */
  text: string;
  /** The site of a list by site. */
  siteId: number | null;
  selfId: number;
}

export const siteKeyOf = (name: ListName): string | null => (name.startsWith("site:") ? name.slice(5) : null);

export function matches({ name, text, siteId, selfId }: Filter, row: Row): boolean {
  switch (name) {
    case "mine":
      return row.status === "open" && row.assignee?.id === selfId;
    case "unassigned":
      return row.status === "open" && row.assignee === null;
    case "open":
    case "pending":
    case "closed":
      return row.status === name;
    case "search":
      return text !== "" && isFound(row, text);
    default:
      return row.status === "open" && row.siteId === siteId;
  }
}

export const fold = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

function isFound({ id, name, email, contact }: Row, text: string): boolean {
  const wanted = fold(text.trim());
  if (/^#?\d+$/.test(wanted) && String(id) === wanted.replace("#", "")) return true;
  return [name, email, contact?.identifier].some((one) => one && fold(one).includes(wanted));
}

const latest = (one: Row, other: Row): number =>
  one.changedAt === other.changedAt ? other.id - one.id : one.changedAt < other.changedAt ? 1 : -1;

export const ORDERS: Record<Sort, (one: Row, other: Row) => number> = {
  recent: latest,
  newest: (one, other) => other.id - one.id,
  waiting(one, other) {
    const [a, b] = [one.waitingSince, other.waitingSince];
    if (a === b) return latest(one, other);
    if (a === null) return 1;
    if (b === null) return -1;
    return a < b ? -1 : 1;
  },
};

/** The question to the server. */
export function questionOf({ name, sort, text }: Filter): Record<string, string> {
  const order = { sort };
  switch (name) {
    case "mine":
      return { status: "open", assignee: "me", ...order };
    case "unassigned":
      return { status: "open", assignee: "none", ...order };
    case "open":
    case "pending":
    case "closed":
      return { status: name, ...order };
    case "search":
      return { q: text.trim().replace(/^#(?=\d+$)/, "").slice(0, 100), sort: "recent" };
    default:
      return { status: "open", site: siteKeyOf(name) ?? "", ...order };
  }
}
