import { expect, test } from "vitest";
import { type Held, keepOrder, shift } from "./order.ts";

interface Chat {
  id: string;
  text: string;
}
const keyOf = ({ id }: Chat) => id;
const chats = (...ids: string[]): Chat[] => ids.map((id) => ({ id, text: `now ${id}` }));
const before = (...ids: string[]): Chat[] => ids.map((id) => ({ id, text: "before" }));
const shown = ({ rows, gone }: Held<Chat>) => rows.map(({ id }) => (gone.has(id) ? `(${id})` : id)).join(" ");

test("a held order stays while rows move, and their texts are those of now", () => {
  const held = keepOrder(before("a", "b", "c"), chats("c", "a", "b"), keyOf);
  expect(shown(held)).toBe("a b c");
  expect(held.rows[2]?.text).toBe("now c");
});

test("a row that is gone keeps its place", () => {
  expect(shown(keepOrder(before("a", "b", "c"), chats("a", "c"), keyOf))).toBe("a (b) c");
});

test("a row that is back is no longer gone", () => {
  const held = keepOrder(before("a", "b"), chats("a"), keyOf);
  expect(shown(keepOrder(held.rows, chats("b", "a"), keyOf))).toBe("a b");
});

test("new rows wait, but for those after the last, as the next page is", () => {
  expect(shown(keepOrder(before("a", "b"), chats("new", "a", "b", "c", "d"), keyOf))).toBe("a b c d");
  expect(shown(keepOrder([], chats("a", "b"), keyOf))).toBe("a b");
});

test("the list scrolls as far as most of what is seen has moved", () => {
  const seen = new Map([["a", 10], ["b", 11], ["c", 12]]);
  expect(shift(seen, new Map([["a", 11], ["b", 12], ["c", 0]]))).toBe(1);
  expect(shift(seen, new Map([["a", 10], ["b", 11], ["c", 12]]))).toBe(0);
  expect(shift(seen, new Map())).toBe(0);
});
