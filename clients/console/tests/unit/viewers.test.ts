import type { MemberClient, ServerFrame } from "@switchboard/sdk";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Viewers } from "../../src/presence/viewers.ts";

let said: [number, boolean][] = [];
let viewers: Viewers;

const seen = (id: number, session: number, isViewing = true): ServerFrame => ({
  type: "chat.viewing",
  session_id: session,
  data: { user_id: id, name: `Operator ${id}`, is_viewing: isViewing },
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false });
  said = [];
  viewers = new Viewers({ viewing: (chat, isViewing) => void said.push([chat, isViewing]) } as Pick<MemberClient, "viewing"> as MemberClient, 1);
});

afterEach(() => {
  viewers.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("who comes is told at once who is there, and once", () => {
  viewers.look(42);
  viewers.frame(seen(2, 42));
  expect(said).toEqual([[42, true], [42, true]]);
  viewers.frame(seen(2, 42));
  viewers.frame(seen(3, 7));
  viewers.frame(seen(1, 42));
  expect(said.length).toBe(2);
  expect(viewers.of(42).map(({ id }) => id)).toEqual([2]);
});

test("who says no more is dropped, and told again when it comes back", () => {
  viewers.look(42);
  viewers.frame(seen(2, 42));
  vi.advanceTimersByTime(51_000);
  expect(viewers.of(42)).toEqual([]);
  const before = said.length;
  viewers.frame(seen(2, 42));
  expect(said.length).toBe(before + 1);
  viewers.frame(seen(2, 42, false));
  expect(viewers.of(42)).toEqual([]);
  expect(said.length).toBe(before + 1);
});
