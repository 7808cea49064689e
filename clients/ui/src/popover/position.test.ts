import { expect, test } from "vitest";
import { position } from "./position.ts";

const view = { width: 400, height: 300 };
const anchor = { left: 100, right: 150, top: 100, bottom: 120 };
const size = { width: 80, height: 60 };

test("a popover stands below its anchor and flush with its side", () => {
  expect(position({ anchor, ...size, view, align: "left", gap: 4 })).toMatchObject({ left: 100, top: 124 });
  expect(position({ anchor, ...size, view, align: "right", gap: 4 })).toMatchObject({ left: 70, top: 124 });
  expect(position({ anchor, ...size, view, align: "centre", gap: 4, side: "above" })).toMatchObject({ left: 85, top: 36 });
});

test("a popover without room below stands above", () => {
  const low = { ...anchor, top: 240, bottom: 260 };
  expect(position({ anchor: low, ...size, view, align: "left", gap: 4 }).top).toBe(176);
});

test("a popover that fits nowhere takes the larger room and says how large it is", () => {
  const { top, room } = position({ anchor, width: 80, height: 500, view, align: "left", gap: 4 });
  expect(top).toBe(124);
  expect(room).toBe(168);
});

test("a popover never leaves the window", () => {
  expect(position({ anchor: { ...anchor, left: 380, right: 395 }, ...size, view, align: "left", gap: 4 }).left).toBe(312);
  expect(position({ anchor: { ...anchor, left: 2, right: 20 }, ...size, view, align: "right", gap: 4 }).left).toBe(8);
});
