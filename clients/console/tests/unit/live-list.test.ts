/** The list that moves single rows shows what a list that sorts all of them anew would. */
import { expect, test } from "vitest";
import type { Row } from "../../src/desk/rows.ts";
import { type Filter, matches, ORDERS, SORTS } from "../../src/lists/filters.ts";
import { LiveList } from "../../src/lists/live-list.ts";

/** The same numbers for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

const minute = (at: number): string => new Date(Date.UTC(2026, 0, 1) + at * 60_000).toISOString();

function row(id: number, pick: (below: number) => number): Row {
  return {
    id,
    name: `Visitor ${pick(5)}`,
    email: pick(2) === 0 ? null : `v${pick(9)}@example.com`,
    clientId: id,
    siteId: 1 + pick(2),
    status: (["open", "open", "pending", "closed"] as const)[pick(4)] ?? "open",
    assignee: pick(2) === 0 ? null : { id: 1 + pick(2), name: "Operator" },
    isBanned: false,
    last: null,
    unread: pick(3),
    isMarkedUnread: false,
    waitingSince: pick(2) === 0 ? null : minute(pick(6)),
    changedAt: minute(pick(8)),
    createdAt: minute(0),
    contact: null,
    isTyping: false,
    hasFailed: false,
    hasDraft: false,
  };
}

const NAMES: Filter["name"][] = ["mine", "unassigned", "open", "pending", "closed", "search", "site:shop"];

test.each(NAMES)("%s, in every order, over many changes", (name) => {
  for (const sort of SORTS) {
    for (let seed = 1; seed <= 12; seed++) {
      const pick = numbers(seed);
      const rows = new Map<number, Row>();
      const filter: Filter = { name, sort, text: "visitor 3", siteId: 2, selfId: 1 };
      const list = new LiveList(filter, []);
      for (let step = 0; step < 60; step++) {
        const changes = new Map<number, Row | null>();
        for (let count = 1 + pick(step % 20 === 19 ? 90 : 5); count > 0; count--) {
          const id = 1 + pick(40);
          const next = pick(6) === 0 ? null : row(id, pick);
          if (next) rows.set(id, next);
          else rows.delete(id);
          changes.set(id, next);
        }
        list.update(changes, () => rows.values());
        const expected = [...rows.values()].filter((one) => matches(filter, one)).sort(ORDERS[sort]);
        expect(list.items.value.map(({ id }) => id), `seed ${seed}, step ${step}`).toEqual(expected.map(({ id }) => id));
        expect(list.items.value.every((one) => one === rows.get(one.id))).toBe(true);
      }
    }
  }
});

test("nothing that is not of the list makes a new array", () => {
  const pick = numbers(3);
  const open = { ...row(1, pick), status: "open" as const };
  const list = new LiveList({ name: "open", sort: "recent", text: "", siteId: null, selfId: 1 }, [open]);
  const before = list.items.value;
  list.update(new Map([[2, { ...row(2, pick), status: "closed" as const }]]), () => []);
  expect(list.items.value).toBe(before);
});
