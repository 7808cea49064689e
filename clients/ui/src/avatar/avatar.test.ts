import { expect, test } from "vitest";
import { hueOf } from "./hue.ts";
import { initials } from "./initials.ts";

test("initials are of the first and the last word", () => {
  expect(initials("Ana Maria Silva")).toBe("AS");
  expect(initials("  ana ")).toBe("A");
  expect(initials("😀 Smile")).toBe("😀S");
  expect(initials("")).toBe("");
});

test("a person keeps a colour, and all colours come up", () => {
  expect(hueOf("u1", 8)).toBe(hueOf("u1", 8));
  expect(new Set(Array.from({ length: 200 }, (_, index) => hueOf(`user-${index}`, 8))).size).toBe(8);
});
