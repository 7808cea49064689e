import { expect, test } from "vitest";
import { caps, keyShortcuts } from "./keys.ts";

test("keys are shown as the keyboard at hand has them", () => {
  expect(caps("mod+k", true)).toEqual(["⌘", "K"]);
  expect(caps("mod+shift+enter", false)).toEqual(["Ctrl", "Shift", "Enter"]);
  expect(caps("g i", false)).toEqual(["G", "I"]);
});

test("keys are told to readers of the screen in their own words", () => {
  expect(keyShortcuts("mod+k", false)).toBe("Control+K");
  expect(keyShortcuts("mod+k", true)).toBe("Meta+K");
  expect(keyShortcuts("g i", false)).toBeUndefined();
});
