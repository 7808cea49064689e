import type { MemberMessage } from "@switchboard/sdk";
import { expect, test } from "vitest";
import type { Action } from "../../src/conversation/activity.ts";
import { linesOf } from "../../src/conversation/log-rows.ts";

const message = (seq: number, more: Partial<MemberMessage> = {}): MemberMessage => ({
  key: `m${seq}`,
  id: seq,
  seq,
  mine: false,
  sender: { type: "client", id: 9, name: "Ana" },
  body: `message ${seq}`,
  at: `2026-11-21T10:0${seq % 10}:00Z`,
  tick: null,
  error: null,
  isDeleted: false,
  editedAt: null,
  visibility: "public",
  changedSeq: seq,
  ...more,
});
const mine = (seq: number, more: Partial<MemberMessage> = {}) => message(seq, { mine: true, sender: { type: "operator", id: 3, name: "Olivia" }, tick: "sent", ...more });
const action = (seq: number): Action => ({ kind: "session.status", actor: { type: "operator", id: 3, name: "Olivia" }, at: `2026-11-21T10:0${seq % 10}:30Z`, from: "open", to: "closed", seq });
const keys = (...given: Parameters<typeof linesOf>) => linesOf(...given).map(({ key }) => key);

test("actions stand where they were done, and the unread begins at the first unread message of the visitor", () => {
  const day = `day ${new Date("2026-11-21T10:00:00Z").toDateString()}`;
  expect(keys([message(1), mine(2), message(4), message(5)], [action(3)], 2, false)).toEqual([day, "m1", "m2", "action 3", "new", "m4", "m5"]);
});

test("actions from before what is read of a conversation wait for it", () => {
  expect(keys([message(5)], [action(3), action(6)], null, true)).not.toContain("action 3");
  expect(keys([message(5)], [action(3), action(6)], null, true)).toContain("action 6");
});

test("what waits to be sent comes last, whatever was done meanwhile", () => {
  expect(keys([message(1), mine(0, { seq: null, id: null, key: "queued" })], [action(8)], null, false).at(-1)).toBe("queued");
});

test("a note is a group of its own, and a tick stands where it changes", () => {
  const lines = linesOf([mine(1, { tick: "read" }), mine(2, { tick: "read" }), mine(3), mine(4, { visibility: "staff" })], [], null, false);
  const shown = lines.flatMap((line) => (line.kind === "message" ? [[line.isFirst, line.showsTick]] : []));
  expect(shown).toEqual([[true, false], [false, true], [false, false], [true, true]]);
});
