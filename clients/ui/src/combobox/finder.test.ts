import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Option } from "./filter.ts";
import { Finder } from "./finder.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const option = (id: string): Option => ({ id, label: id });

test("a slow answer to an older query never replaces a newer one", async () => {
  const finder = new Finder<Option>();
  const load = (query: string) => new Promise<Option[]>((resolve) => void setTimeout(() => resolve([option(query)]), query === "a" ? 1_000 : 10));
  finder.find(load, "a");
  await vi.advanceTimersByTimeAsync(200);
  finder.find(load, "ab");
  await vi.advanceTimersByTimeAsync(2_000);
  expect(finder.found.value).toEqual({ options: [option("ab")], state: "done" });
});

test("a server is asked once for letters that are typed quickly", async () => {
  const finder = new Finder<Option>();
  const load = vi.fn((query: string) => Promise.resolve([option(query)]));
  for (const query of ["l", "la", "lam"]) finder.find(load, query);
  await vi.runAllTimersAsync();
  expect(load.mock.calls.map(([query]) => query)).toEqual(["lam"]);
});

test("what was found stays until the answer comes, and a failure is told", async () => {
  const finder = new Finder<Option>();
  finder.find([option("a")], "");
  finder.find(() => Promise.reject(new Error("offline")), "b");
  expect(finder.found.value).toEqual({ options: [option("a")], state: "waiting" });
  await vi.runAllTimersAsync();
  expect(finder.found.value).toEqual({ options: [], state: "failed" });
});
