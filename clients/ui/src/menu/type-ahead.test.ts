import { expect, test } from "vitest";
import { TypeAhead } from "./type-ahead.ts";

const labels = ["Assign", "Snooze", "Share", "Éteindre", "Stop"];

test("letters that follow each other look for a word", () => {
  const type = new TypeAhead();
  expect(type.find("s", labels, 0, 0)).toBe(1);
  expect(type.find("t", labels, 1, 100)).toBe(4);
});

test("the same letter again goes on to the next and around", () => {
  const type = new TypeAhead();
  expect(type.find("s", labels, -1, 0)).toBe(1);
  expect(type.find("s", labels, 1, 100)).toBe(2);
  expect(type.find("s", labels, 2, 200)).toBe(4);
  expect(type.find("s", labels, 4, 300)).toBe(1);
});

test("a pause begins a new word, and accents do not count", () => {
  const type = new TypeAhead();
  type.find("s", labels, 0, 0);
  expect(type.find("e", labels, 1, 2_000)).toBe(3);
  expect(type.find("x", labels, 1, 4_000)).toBe(-1);
});
