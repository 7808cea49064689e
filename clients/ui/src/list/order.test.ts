import { expect, test } from "vitest";
import { type Place, keepPlaces, shift } from "./order.ts";

interface Chat {
  id: string;
  text: string;
}
const keyOf = ({ id }: Chat) => id;
const chats = (...ids: string[]): Chat[] => ids.map((id) => ({ id, text: `now ${id}` }));
const held = (...ids: string[]): Place<Chat>[] => ids.map((id) => ({ key: id, item: { id, text: "before" }, gone: false }));
const shown = (places: readonly Place<Chat>[]) => places.map(({ key, gone }) => (gone ? `(${key})` : key)).join(" ");

test("a held order stays while rows move, and their texts are those of now", () => {
  const places = keepPlaces(held("a", "b", "c"), chats("c", "a", "b"), keyOf);
  expect(shown(places)).toBe("a b c");
  expect(places[2]?.item.text).toBe("now c");
});

test("a row that is gone keeps its place", () => {
  expect(shown(keepPlaces(held("a", "b", "c"), chats("a", "c"), keyOf))).toBe("a (b) c");
});

test("new rows wait, but for those after the last, as the next page is", () => {
  expect(shown(keepPlaces(held("a", "b"), chats("new", "a", "b", "c", "d"), keyOf))).toBe("a b c d");
  expect(shown(keepPlaces([], chats("a", "b"), keyOf))).toBe("a b");
});

test("the list scrolls as far as most of what is seen has moved", () => {
  const seen = new Map([["a", 10], ["b", 11], ["c", 12]]);
  expect(shift(seen, new Map([["a", 11], ["b", 12], ["c", 0]]))).toBe(1);
  expect(shift(seen, new Map([["a", 10], ["b", 11], ["c", 12]]))).toBe(0);
  expect(shift(seen, new Map())).toBe(0);
});
