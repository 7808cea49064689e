import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Toasts, WAITING } from "./queue.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const texts = (toasts: Toasts) => toasts.shown.value.map(({ text }) => text);
const undo = (run = () => undefined as void) => ({ label: "Undo", run });

test("an action can be undone for 8 s, news stay for 5", () => {
  const toasts = new Toasts();
  toasts.show({ text: "closed", action: undo() });
  toasts.show({ text: "saved" });
  vi.advanceTimersByTime(5_000);
  expect(texts(toasts)).toEqual(["closed"]);
  vi.advanceTimersByTime(2_900);
  expect(texts(toasts)).toEqual(["closed"]);
  vi.advanceTimersByTime(200);
  expect(texts(toasts)).toEqual([]);
});

test("time stands still while it is paused", () => {
  const toasts = new Toasts();
  toasts.show({ text: "closed", action: undo() });
  vi.advanceTimersByTime(7_000);
  toasts.pause(true);
  vi.advanceTimersByTime(60_000);
  toasts.pause(false);
  vi.advanceTimersByTime(900);
  expect(texts(toasts)).toEqual(["closed"]);
  vi.advanceTimersByTime(200);
  expect(texts(toasts)).toEqual([]);
});

test("three are shown, the fourth waits and then has its whole 8 s", () => {
  const toasts = new Toasts();
  for (const text of ["1", "2", "3", "4"]) toasts.show({ text, action: undo() });
  expect(texts(toasts)).toEqual(["1", "2", "3"]);
  vi.advanceTimersByTime(8_000);
  expect(texts(toasts)).toEqual(["4"]);
  vi.advanceTimersByTime(7_900);
  expect(texts(toasts)).toEqual(["4"]);
});

test("news without an action give way at once", () => {
  const toasts = new Toasts();
  for (const text of ["1", "2", "3", "4"]) toasts.show({ text });
  expect(texts(toasts)).toEqual(["2", "3", "4"]);
});

test("a toast with the same key takes the place of the other", () => {
  const toasts = new Toasts();
  toasts.show({ text: "1 closed", key: "close", action: undo() });
  vi.advanceTimersByTime(7_000);
  toasts.show({ text: "2 closed", key: "close", action: undo() });
  vi.advanceTimersByTime(7_000);
  expect(texts(toasts)).toEqual(["2 closed"]);
});

test("an action runs once, and by a key the newest", () => {
  const toasts = new Toasts();
  const ran: string[] = [];
  const first = toasts.show({ text: "1", action: undo(() => void ran.push("1")) });
  toasts.show({ text: "2", action: undo(() => void ran.push("2")) });
  expect(toasts.actOnNewest()).toBe(true);
  toasts.act(first);
  toasts.act(first);
  expect(ran).toEqual(["2", "1"]);
  expect(toasts.actOnNewest()).toBe(false);
});

test("what waits is bounded", () => {
  const toasts = new Toasts();
  for (let count = 0; count < 100; count++) toasts.show({ text: `${count}`, action: undo() });
  vi.advanceTimersByTime(8_000);
  expect(texts(toasts)[0]).toBe(`${100 - WAITING}`);
});
