import { expect, test } from "vitest";
import { Keep } from "../src/visitor/keep.ts";
import type { KeyValueStorage } from "../src/index.ts";
import type { Queued } from "../src/outbox/outbox.ts";

/** The storage of one tab's process: it writes through, and reads what it saw last. */
function stale(shared: Map<string, string>): KeyValueStorage & { look(): void } {
  let seen = new Map(shared);
  return {
    look: () => void (seen = new Map(shared)),
    get: (key) => seen.get(key) ?? null,
    set(key, value) {
      seen.set(key, value);
      shared.set(key, value);
      return true;
    },
    remove(key) {
      seen.delete(key);
      shared.delete(key);
    },
    keys: (prefix) => [...seen.keys()].filter((key) => key.startsWith(prefix)),
  };
}

const queued = (key: string): Queued => ({ key, chat: 1, body: key, at: "2026-11-29T10:00:00Z" });

test("two tabs that write in the same moment keep what both have written", () => {
  const shared = new Map<string, string>();
  const [first, second] = [stale(shared), stale(shared)];
  const [here, there] = [new Keep(first, "p:"), new Keep(second, "p:")];
  here.saveOutbox([...here.outbox(), queued("a")]);
  // The other process has not heard of it yet.
  there.saveOutbox([...there.outbox(), queued("b")]);
  const later = new Keep(stale(shared), "p:");
  expect(later.outbox().map(({ key }) => key)).toEqual(["a", "b"]);
  first.look();
  here.saveOutbox(here.outbox().filter(({ key }) => key !== "a"));
  expect(new Keep(stale(shared), "p:").outbox()).toEqual([queued("b")]);
});

test("the order of writing stays, whatever the clock does", () => {
  const shared = new Map<string, string>();
  const keep = new Keep(stale(shared), "p:");
  const now = Date.now;
  try {
    keep.saveOutbox([queued("z")]);
    Date.now = () => now() - 86_400_000;
    keep.saveOutbox([queued("z"), queued("a")]);
  } finally {
    Date.now = now;
  }
  expect(new Keep(stale(shared), "p:").outbox().map(({ key }) => key)).toEqual(["z", "a"]);
  keep.clear();
  expect(shared.size).toBe(0);
});
