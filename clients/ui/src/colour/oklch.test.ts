import { expect, test } from "vitest";
import { hex } from "./colour.ts";
import { toRgb } from "./oklch.ts";

test("an OKLCH colour is the one that browsers show", () => {
  expect(hex(toRgb([1, 0, 0]))).toBe("#ffffff");
  expect(hex(toRgb([0, 0, 0]))).toBe("#000000");
  expect(hex(toRgb([0.62796, 0.25768, 29.234]))).toBe("#ff0000");
  expect(hex(toRgb([0.45201, 0.31321, 264.052]))).toBe("#0000ff");
});

test("a colour that sRGB lacks keeps its lightness and hue", () => {
  const [r, g, b] = toRgb([0.7, 0.4, 150]);
  expect(g).toBeGreaterThan(r);
  expect(g).toBeGreaterThan(b);
});
