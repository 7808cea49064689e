// A random server, and a store that hears from it by live frames, replay and REST pages, in pieces, late, twice, over
// breaks and restored databases. In the end the store holds what the server holds.
import { expect, test } from "vitest";
import type { ConnectedFrame, ServerFrame } from "../src/protocol/frames.ts";
import type { Message, MessagePage, Session } from "../src/protocol/schemas.ts";
import { emptyState, inOrder, reduce, type Action } from "../src/store/store.ts";
import { message, session } from "./support/shapes.ts";

const CHAT = 42;
const PAGE = 5;

/** Numbers that a failed run can be repeated with. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The naive server: a list of messages and a number. */
class Server {
  epoch = 1;
  top = 1;
  session: Session = session();
  messages: Message[] = [];
  nextId = 1;

  write(): Message {
    const one = message({ id: this.nextId++, seq: ++this.top });
    this.messages.push(one);
    return one;
  }

  change(index: number, isDeleted: boolean): Message | null {
    const held = this.messages[index];
    if (!held) return null;
    const changed_seq = ++this.top;
    const body = isDeleted ? "" : `changed at ${changed_seq}`;
    const changed = { ...held, changed_seq, body, is_deleted: isDeleted || held.is_deleted };
    this.messages[index] = changed;
    return changed;
  }

  setStatus(status: Session["status"]): Session {
    this.session = { ...this.session, status, state_seq: ++this.top };
    return this.session;
  }

  /** A backup is played back: what came last is gone, and the numbers are given out anew. */
  restore(lost: number): void {
    this.epoch++;
    this.messages = this.messages.slice(0, this.messages.length - lost);
    this.top = Math.max(1, ...this.messages.map((one) => one.changed_seq));
    this.session = { ...this.session, status: "open", state_seq: 1 };
  }

  page(anchor: { before?: number } = {}): MessagePage {
    let found = this.messages;
    if (anchor.before !== undefined) found = found.filter((one) => one.id < (anchor.before ?? 0));
    return { messages: found.slice(-PAGE), marks: [], has_more: found.length > PAGE, seq: this.top };
  }

  frameOf(one: Message): ServerFrame {
    const type = one.is_deleted ? "chat.message.deleted" : one.changed_seq > one.seq ? "chat.message.edited" : "chat.message";
    return { type, session_id: CHAT, seq: one.changed_seq, data: one };
  }

  /** What a connection is told first: `connected`, perhaps `resync`, and what was missed. */
  connect(after: { epoch: number; seq: number } | null): ServerFrame[] {
    const isForeign = after !== null && after.epoch !== this.epoch;
    const isAhead = after !== null && !isForeign && after.seq > this.top;
    const from = after === null || isForeign || isAhead ? this.top : after.seq;
    const state = { chat_id: CHAT, kind: "session" as const, seq: this.top, state_seq: this.session.state_seq };
    const data = { connection_id: "c", role: "client" as const, self_id: 9, epoch: this.epoch, ping_interval: 30 };
    const connected: ConnectedFrame = {
      type: "connected",
      session_id: CHAT,
      seq: from,
      data: { ...data, chats: [{ ...state, session: this.session, marks: [] }] },
    };
    const missed = this.messages.filter((one) => one.changed_seq > from).sort((a, b) => a.changed_seq - b.changed_seq);
    const resync: ServerFrame[] =
      isForeign || isAhead ? [{ type: "resync", why: isForeign ? "epoch" : "ahead", chats: [CHAT] }] : [];
    return [connected, ...resync, ...missed.map((one) => this.frameOf(one))];
  }
}

function run(seed: number): void {
  const roll = dice(seed);
  const server = new Server();
  const state = emptyState();
  const act = (action: Action) => reduce(state, action);
  /** What is on its way on the stream, and answers of REST that come when they come. */
  let stream: ServerFrame[] | null = null;
  let answers: (() => void)[] = [];
  const chat = () => state.chats.get(CHAT);

  const tell = (frame: ServerFrame) => stream?.push(frame);
  const hear = () => {
    const frame = stream?.shift();
    if (frame) act({ type: "frame", frame, at: 0 });
  };
  const connect = () => {
    const { cursor } = chat() ?? { cursor: null };
    const after = cursor === null || cursor === undefined || state.epoch === null ? null : { epoch: state.epoch, seq: cursor };
    stream = server.connect(after);
  };
  const ask = (part: "newest" | "older") => {
    const held = chat();
    if (!held || (part !== "newest" && !held.isRead)) return;
    const oldest = inOrder(held)[0]?.id;
    if (part === "older" && (!held.hasOlder || oldest === undefined)) return;
    const { generation } = held;
    const anchor = part === "older" ? { before: oldest ?? 0 } : {};
    const page = server.page(anchor);
    answers.push(() => act({ type: "page", chat: CHAT, generation, page, part }));
  };

  const steps: (() => void)[] = [
    () => tell(server.frameOf(server.write())),
    () => tell(server.frameOf(server.write())),
    () => {
      const changed = server.change(roll(Math.max(1, server.messages.length)), roll(4) === 0);
      if (changed) tell(server.frameOf(changed));
    },
    () => tell({ type: "chat.session.status", session_id: CHAT, seq: server.top + 1, data: server.setStatus(roll(2) ? "open" : "closed") }),
    // Something that a visitor may not see.
    () => server.top++,
    hear,
    hear,
    hear,
    hear,
    () => ask("older"),
    () => {
      if (stream && chat() && !chat()?.isRead) ask("newest");
    },
    () => answers.splice(roll(Math.max(1, answers.length)), 1)[0]?.(),
    // The answer to what was sent, before the stream has come so far.
    () => {
      const last = server.messages.at(-1);
      if (last && stream && state.epoch !== null) act({ type: "message", message: last });
    },
    () => (stream ??= (connect(), stream)),
    () => {
      if (roll(3) === 0) stream = null;
    },
    () => {
      if (roll(12) > 0) return;
      // All connections end, and no answer of the old database is still on its way into the new one.
      stream = null;
      server.restore(roll(4));
    },
  ];
  for (let round = 0; round < 400; round++) steps[roll(steps.length)]?.();

  // Whatever was still on its way is lost or comes now; then the connection stands.
  stream = null;
  for (const answer of answers) answer();
  answers = [];
  connect();
  while ((stream as ServerFrame[] | null)?.length) hear();
  while (chat() && !chat()?.isRead) {
    ask("newest");
    for (const answer of answers.splice(0)) answer();
  }
  const held = chat();
  if (!held) throw new Error("there is no chat");
  const shown = inOrder(held);
  const from = held.hasOlder ? (shown[0]?.seq ?? Infinity) : 0;
  expect({ seed, messages: shown }).toEqual({ seed, messages: server.messages.filter((one) => one.seq >= from) });
  expect(held.session).toEqual(server.session);
  expect(state.epoch).toBe(server.epoch);
  expect(held.cursor).toBeLessThanOrEqual(server.top);

  while (held.hasOlder) {
    ask("older");
    for (const answer of answers.splice(0)) answer();
  }
  expect({ seed, messages: inOrder(held) }).toEqual({ seed, messages: server.messages });
}

test("whatever order it came in, the store holds what the server holds", () => {
  for (let seed = 1; seed <= 3000; seed++) run(seed);
});
