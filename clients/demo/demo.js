// The demo page: a visitor and an operator side by side, over the public REST API and the channel protocol.
//
//   DOM            elements, keyed rows, times
//   Trouble        what failed, in words
//   Api            REST: one error shape, bearer tokens
//   transports     WebSocket, and server-sent events where a WebSocket cannot be opened
//   Connection     the one life cycle: connecting, live, waiting, ended
//   ChatStore      messages by id, marks, the cursor
//   SendQueue      what was written and is not stored yet; idempotent by client_id
//   Receipts       delivered and read marks
//   Typing         who types, both ways
//   views          ConversationView, ConnectionBadge, Crossing
//   Visitor, OperatorAccount, Operator     the two panes

const PAGE_SIZE = 50;
const LIST_SIZE = 30;

/* ---------------------------------------------------------------- DOM */

const byId = (id) => document.getElementById(id);

/** Builds an element. Data only ever becomes text or an attribute, never markup. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * Makes the children of `parent` match `rows` of `{key, version, build, update}`. A row is built anew only when its
 * version differs, so that a screen reader hears a message once, whatever happens to its tick.
 */
function reconcile(parent, rows) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  let next = parent.firstElementChild;
  for (const row of rows) {
    const node = currentNode(old.get(row.key), row);
    if (next && next.dataset.key === row.key) next = node;
    if (node === next) next = next.nextElementSibling;
    else parent.insertBefore(node, next);
    row.update?.(node);
    old.delete(row.key);
  }
  for (const node of old.values()) node.remove();
}

function currentNode(node, row) {
  if (node && node.dataset.version === row.version) return node;
  const fresh = row.build();
  fresh.dataset.key = row.key;
  fresh.dataset.version = row.version;
  node?.replaceWith(fresh);
  return fresh;
}

const timeFormat = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const dayFormat = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });
const shortDayFormat = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });
const dayOf = (time) => new Date(time).toDateString();
const clock = (time) => timeFormat.format(new Date(time));
const clockOrDay = (time) => (dayOf(time) === dayOf(Date.now()) ? clock(time) : shortDayFormat.format(new Date(time)));

/** A version 4 UUID. `crypto.randomUUID` is missing on pages that came over plain HTTP. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Grows from half a second to 20 s, with full jitter, so that many clients do not come back at once. */
class Backoff {
  #failures = 0;
  next() {
    const ceiling = Math.min(20_000, 500 * 2 ** this.#failures++);
    return ceiling / 4 + Math.random() * ceiling * 0.75;
  }
  reset() {
    this.#failures = 0;
  }
}

/* ---------------------------------------------------------------- trouble */

/** One line that says what failed and what is done about it. What works again is no longer in it. */
class Trouble {
  #node;
  #known = new Map();

  constructor(node) {
    this.#node = node;
  }

  /** `about` names what failed; `again`, if there is one, tries it once more. */
  say(about, words, again = null) {
    if (this.#known.get(about)?.words === words) return;
    this.#known.set(about, { words, again });
    this.#show();
  }

  isOver(about) {
    if (this.#known.delete(about)) this.#show();
  }

  clear() {
    this.#known.clear();
    this.#show();
  }

  /** The last one: one line is read, five are not. */
  #show() {
    const last = [...this.#known].at(-1);
    this.#node.hidden = !last;
    if (!last) return;
    const [about, { words, again }] = last;
    this.#node.replaceChildren(element("span", {}, words));
    if (!again) return;
    const button = element("button", { type: "button", class: "quiet", "data-testid": "trouble-again" }, "Try again");
    button.addEventListener("click", () => {
      this.isOver(about);
      again();
    });
    this.#node.append(button);
  }
}

/* ---------------------------------------------------------------- REST */

/** Where the page lies: a proxy may put a prefix before all paths. */
const BASE = new URL("..", import.meta.url);
const at = (path) => new URL(path.replace(/^\//, ""), BASE);

/** A request that was answered with an error, or not at all (`status` 0). */
class ApiError extends Error {
  constructor(status, { code = "unavailable", message = "The server does not answer.", details = {} } = {}) {
    // Which part of it is away is nothing to the reader of a page.
    super(code === "unavailable" && status !== 0 ? "The server is not available now." : sentence(message));
    this.status = status;
    this.code = code;
    this.details = details;
  }
  /** True when asking again cannot help. */
  get isFinal() {
    return ApiError.isFinalCode(this.code) && this.status !== 0 && this.status < 500;
  }
  static isFinalCode(code) {
    return !["unavailable", "internal", "rate_limited", "token_expired"].includes(code);
  }
}

/** The server's words as a sentence. */
const sentence = (words) => `${words.charAt(0).toUpperCase()}${words.slice(1).replace(/\.$/, "")}.`;
const inTheMiddle = (words) => `${words.charAt(0).toLowerCase()}${words.slice(1).replace(/\.$/, "")}`;

async function callApi(method, path, { token, body } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const request = { method, headers, body: JSON.stringify(body), cache: "no-store" };
  const answer = await fetch(at(path), request).catch(() => Promise.reject(new ApiError(0)));
  const json = await answer.json().catch(() => null);
  if (answer.ok && json !== null) return json;
  throw new ApiError(answer.ok ? 502 : answer.status, json?.error);
}

function query(path, parameters) {
  const filled = Object.entries(parameters).filter(
    ([, value]) => value !== null && value !== undefined && value !== "",
  );
  return filled.length === 0 ? path : `${path}?${new URLSearchParams(filled)}`;
}

/** This page came from the front address, so that a link to another name of it is followed here. */
function pathOf(link) {
  const { pathname, search } = new URL(link, BASE);
  return pathname.slice(pathname.lastIndexOf("/chat/")) + search;
}

/* ---------------------------------------------------------------- transports */

function openWebSocket(path, events) {
  const socket = new WebSocket(at(path).href.replace(/^http/, "ws"));
  const deadline = setTimeout(() => socket.close(), 10_000);
  let opened = false;
  socket.onopen = () => {
    opened = true;
    clearTimeout(deadline);
  };
  socket.onmessage = ({ data }) => events.frame(JSON.parse(data));
  socket.onclose = ({ code, reason }) => {
    clearTimeout(deadline);
    const hint = /retry_after_ms=(\d+)/.exec(reason);
    events.closed({ code, opened, retryAfter: hint ? Number(hint[1]) : 0 });
  };
  return {
    name: "WebSocket",
    send(frame) {
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },
    close: () => socket.close(1000),
  };
}

function openEventStream(path, events) {
  const source = new EventSource(at(path));
  let opened = false;
  source.onopen = () => {
    opened = true;
  };
  source.onmessage = ({ data }) => events.frame(JSON.parse(data));
  source.addEventListener("close", ({ data }) => {
    source.close();
    const { code, retry_after_ms: retryAfter } = JSON.parse(data);
    events.closed({ code, opened, retryAfter });
  });
  // The browser would reconnect with the same link; a fresh token and cursor are ours to give.
  source.onerror = () => {
    source.close();
    events.closed({ code: 0, opened });
  };
  return { name: "SSE", send: () => false, close: () => source.close() };
}

/* ---------------------------------------------------------------- connection */

const TOKEN_EXPIRED = 4001;
// A network that lets no WebSocket through shows at once; where one has worked, the server is more likely away.
const REFUSALS_BEFORE_SSE = 2;
const REFUSALS_BEFORE_SSE_ONCE_WORKED = 6;
const PASSING_REASONS = {
  4001: "the login was renewed",
  4002: "this page was too slow",
  4003: "this page was silent",
  4004: "the server restarts",
  4005: "the server is not ready",
  4006: "too many requests came from here",
};
const FINAL_REASONS = {
  4500: "the token was refused",
  4501: "access was taken away",
  4502: "opened in too many places",
  4503: "a frame was refused",
  4504: "a frame was too large",
  4505: "the server was not told who this is",
};

/**
 * Keeps one channel connection alive.
 *
 *   idle -> connecting -> live -> waiting -> connecting -> ...
 *                                        \-> ended (a final close code, or credentials that are refused)
 *
 * `endpoints({renew})` gives `{socket, stream}` paths with a fresh token and cursor each time; it may throw.
 */
class Connection {
  #endpoints;
  #onFrame;
  #onState;
  #transport = null;
  #run = 0;
  #backoff = new Backoff();
  #retryTimer = null;
  #pulseTimer = null;
  #upgradeTimer = null;
  #upgradeDelay = 30_000;
  #refusedSockets = 0;
  #refusalsBeforeStream = REFUSALS_BEFORE_SSE;
  #mustRenew = false;
  #liveSince = 0;
  #lastHeard = 0;
  #pingEvery = 30_000;
  #answers = new Map();
  state = { name: "idle" };

  constructor({ endpoints, onFrame, onState }) {
    this.#endpoints = endpoints;
    this.#onFrame = onFrame;
    this.#onState = onState;
    addEventListener("online", () => this.#nudge());
    // It is looked at once whether the connection still is one, as after a page that slept.
    addEventListener("offline", () => this.#nudge());
    document.addEventListener("visibilitychange", () => document.hidden || this.#nudge());
  }

  get isLive() {
    return this.state.name === "live";
  }

  /** Whether frames can be written: not over server-sent events. */
  get canWrite() {
    return this.isLive && this.#transport.name === "WebSocket";
  }

  start() {
    this.#backoff.reset();
    this.#open();
  }

  stop() {
    this.#drop();
    this.#become({ name: "idle" });
  }

  /** Writes a frame; false when it cannot be written now. */
  send(frame) {
    return this.canWrite && this.#transport.send(frame);
  }

  /** Writes a frame with a `client_id`; settles with its `ack` or `error`, or fails when the connection goes first. */
  request(frame) {
    return new Promise((resolve, reject) => {
      if (!this.send(frame)) {
        reject(new ApiError(0));
        return;
      }
      const timer = setTimeout(
        () => this.#answer(frame.client_id, (waiting) => waiting.reject(new ApiError(0))),
        10_000,
      );
      this.#answers.set(frame.client_id, { resolve, reject, timer });
    });
  }

  async #open() {
    this.#drop();
    const run = this.#run;
    this.#become({ name: "connecting" });
    const paths = await this.#endpoints({ renew: this.#mustRenew }).catch((why) => why);
    if (run !== this.#run) return;
    if (paths instanceof Error) {
      if (paths.isFinal) this.#end(paths.message);
      else this.#wait(paths.message);
      return;
    }
    this.#mustRenew = false;
    const useStream = this.#refusedSockets >= this.#refusalsBeforeStream;
    const open = useStream ? openEventStream : openWebSocket;
    this.#transport = open(useStream ? paths.stream : paths.socket, {
      frame: (frame) => run === this.#run && this.#receive(frame),
      closed: (why) => run === this.#run && this.#closed(why),
    });
  }

  #receive(frame) {
    this.#lastHeard = performance.now();
    switch (frame.type) {
      case "ping":
        this.#transport.send({ type: "pong" });
        return;
      case "pong":
        return;
      case "ack":
        this.#answer(frame.client_id, (waiting) => waiting.resolve(frame.data));
        return;
      case "error":
        if (frame.client_id) this.#answer(frame.client_id, (waiting) => waiting.reject(new ApiError(400, frame.error)));
        else this.#onFrame(frame);
        return;
      case "connected":
        this.#goLive(frame.data);
    }
    this.#onFrame(frame);
  }

  #goLive({ ping_interval: seconds }) {
    this.#liveSince = performance.now();
    this.#pingEvery = (seconds || 30) * 1000;
    if (this.#transport.name === "WebSocket") this.#startPulse();
    else this.#tryToUpgrade();
    this.#become({ name: "live", via: this.#transport.name });
  }

  /** A dead network closes nothing by itself: silence is probed, then taken for a break. */
  #startPulse() {
    this.#refusedSockets = 0;
    this.#refusalsBeforeStream = REFUSALS_BEFORE_SSE_ONCE_WORKED;
    this.#upgradeDelay = 30_000;
    this.#pulseTimer = setInterval(() => {
      const silence = performance.now() - this.#lastHeard;
      if (silence > this.#pingEvery * 2) this.#closed({ code: 0, opened: true });
      else if (silence > this.#pingEvery) this.#transport.send({ type: "ping" });
    }, 5_000);
  }

  /** Server-sent events are second best: now and then a WebSocket is tried again. */
  #tryToUpgrade() {
    this.#upgradeTimer = setTimeout(() => {
      this.#upgradeDelay = Math.min(this.#upgradeDelay * 2, 600_000);
      this.#refusedSockets = this.#refusalsBeforeStream - 1;
      this.#open();
    }, this.#upgradeDelay);
  }

  /** `retryAfter`: the server says when to come back, so that not all who lost it come at once. */
  #closed({ code, opened, retryAfter = 0 }) {
    const wasStream = this.#transport?.name === "SSE";
    const livedLong = this.isLive && performance.now() - this.#liveSince > 5_000;
    if (FINAL_REASONS[code] || (code >= 4500 && code < 4600)) {
      this.#end(FINAL_REASONS[code] ?? "refused");
      return;
    }
    if (!opened) this.#refusedSockets = wasStream ? 0 : this.#refusedSockets + 1;
    this.#mustRenew = code === TOKEN_EXPIRED || !opened || wasStream;
    if (livedLong) this.#backoff.reset();
    if (code === TOKEN_EXPIRED && livedLong) this.#open();
    else this.#wait(PASSING_REASONS[code] ?? (opened ? "the connection broke" : "the server does not answer"), retryAfter);
  }

  #wait(reason, atLeast = 0) {
    this.#drop();
    this.#become({ name: "waiting", reason });
    this.#retryTimer = setTimeout(() => this.#open(), Math.max(atLeast, this.#backoff.next()));
  }

  #end(reason) {
    this.#drop();
    this.#mustRenew = true;
    this.#become({ name: "ended", reason });
  }

  /** The network is back or the page is looked at again: do not sit out the wait, do not trust a silent socket. */
  #nudge() {
    if (this.state.name === "waiting") this.#open();
    else if (this.canWrite) {
      const asked = performance.now();
      this.#transport.send({ type: "ping" });
      const run = this.#run;
      setTimeout(() => {
        if (run === this.#run && this.#lastHeard < asked) this.#closed({ code: 0, opened: true });
      }, 5_000);
    }
  }

  #drop() {
    this.#run++;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#upgradeTimer);
    clearInterval(this.#pulseTimer);
    this.#transport?.close();
    this.#transport = null;
    for (const id of [...this.#answers.keys()]) this.#answer(id, (waiting) => waiting.reject(new ApiError(0)));
  }

  #answer(id, settle) {
    const waiting = this.#answers.get(id);
    if (!waiting) return;
    this.#answers.delete(id);
    clearTimeout(waiting.timer);
    settle(waiting);
  }

  #become(state) {
    this.state = state;
    this.#onState(state);
  }
}

/* ---------------------------------------------------------------- store */

/** One chat: messages by id, the higher `changed_seq` wins, shown by `seq`; marks; and the cursor to resume from. */
class ChatStore {
  #messages = new Map();
  #marks = new Map();
  #onChange;
  pending = new Map();
  cursor = null;
  hasEarlier = false;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  get messages() {
    return [...this.#messages.values()].sort((a, b) => a.seq - b.seq);
  }

  get firstId() {
    return this.messages[0]?.id ?? null;
  }

  /** Takes one frame of this chat. Only what comes on the stream moves the cursor. */
  take(frame) {
    if (frame.type === "chat.delivered" || frame.type === "chat.read") this.#raise(frame.data);
    else if (isMessage(frame.data)) this.#put(frame.data);
    this.#advance(frame.seq);
    this.#onChange();
  }

  /** Takes the state that `connected` and `subscribed` tell. */
  takeState({ marks }) {
    marks.forEach((mark) => this.#raise(mark));
    this.#onChange();
  }

  /** Takes a page of history. A newest or a later page says where to go on; an earlier one does not. */
  takePage({ messages, marks, has_more: hasMore, seq }, { isEarlier = false, isLater = false } = {}) {
    messages.forEach((message) => this.#put(message));
    marks.forEach((mark) => this.#raise(mark));
    if (!isLater) this.hasEarlier = hasMore;
    if (!isEarlier) this.#advance(seq);
    this.#onChange();
  }

  /** Takes the answer to a send: the message, but never the cursor. */
  takeAnswer(message) {
    this.#put(message);
    this.#onChange();
  }

  /** History of another database, or a cursor that is worth nothing: all but what is unsent is fetched anew. */
  reset() {
    this.#messages.clear();
    this.#marks.clear();
    this.cursor = null;
    this.hasEarlier = false;
    this.#onChange();
  }

  /** What became of a message, as far as readers of `readerType` are concerned: sent, delivered or read. */
  fate(message, readerType) {
    const marks = [...this.#marks.values()].filter((mark) => mark.reader_type === readerType);
    if (marks.some((mark) => mark.read_seq >= message.seq)) return "read";
    if (marks.some((mark) => mark.delivered_seq >= message.seq)) return "delivered";
    return "sent";
  }

  changed() {
    this.#onChange();
  }

  #put(message) {
    this.pending.delete(message.client_id);
    const known = this.#messages.get(message.id);
    if (!known || message.changed_seq > known.changed_seq) this.#messages.set(message.id, message);
  }

  #raise(mark) {
    const reader = `${mark.reader_type}:${mark.reader_id}`;
    const known = this.#marks.get(reader);
    const higher = (field) => Math.max(mark[field], known?.[field] ?? 0);
    this.#marks.set(reader, { ...mark, delivered_seq: higher("delivered_seq"), read_seq: higher("read_seq") });
  }

  #advance(seq) {
    if (Number.isInteger(seq) && seq > (this.cursor ?? -1)) this.cursor = seq;
  }
}

const isMessage = (data) => Boolean(data && data.id && data.changed_seq && data.sender_type);

/* ---------------------------------------------------------------- sending */

/**
 * Messages on their way, one at a time and in order. A message keeps its `client_id` however often it is tried, so that
 * it is stored once. What is refused stays on the screen with the reason and can be tried again.
 */
class SendQueue {
  #store;
  #transmit;
  #trouble;
  #backoff = new Backoff();
  #busy = false;
  #stopped = false;
  #timer = null;

  constructor(store, transmit, trouble) {
    this.#store = store;
    this.#transmit = transmit;
    this.#trouble = trouble;
  }

  add(body, visibility) {
    const draft = { client_id: uuid(), body, visibility, created_at: new Date().toISOString(), problem: null };
    this.#store.pending.set(draft.client_id, draft);
    this.#store.changed();
    this.flush();
    return draft.client_id;
  }

  retry(draft) {
    draft.problem = null;
    this.#store.changed();
    this.flush();
  }

  async flush() {
    clearTimeout(this.#timer);
    if (this.#busy) return;
    this.#busy = true;
    let goesOn = true;
    while (goesOn && !this.#stopped) goesOn = await this.#sendFirst();
    this.#busy = false;
  }

  /** The writer is gone: what is unsent stays unsent. */
  stop() {
    this.#stopped = true;
  }

  async #sendFirst() {
    const draft = [...this.#store.pending.values()].find((candidate) => !candidate.problem);
    if (!draft) return false;
    try {
      this.#store.takeAnswer(await this.#transmit(draft));
      this.#backoff.reset();
      this.#trouble.isOver("send");
      return true;
    } catch (why) {
      if (why.isFinal) {
        draft.problem = why.message;
        this.#trouble.isOver("send");
      } else {
        this.#trouble.say("send", `A message is not sent yet. ${why.message} Trying again…`);
        this.#timer = setTimeout(() => this.flush(), this.#backoff.next());
      }
      this.#store.changed();
      return Boolean(why.isFinal);
    }
  }
}

/* ---------------------------------------------------------------- receipts and typing */

/** Tells the server how far this reader has come, coalesced. Marks only rise, so that telling twice does no harm. */
class Receipts {
  #connection;
  #wanted = new Map();
  #told = new Map();
  #timer = null;

  constructor(connection) {
    this.#connection = connection;
  }

  /** `type` is `ack` (it arrived) or `read` (it was seen). */
  want(type, message) {
    const key = `${type}:${message.chat_id}`;
    const known = this.#wanted.get(key);
    if (known && known.message.seq >= message.seq) return;
    this.#wanted.set(key, { type, message });
    this.#timer ??= setTimeout(() => this.#tell(), 150);
  }

  /** Another reader: what this one wanted to say is nobody's any more. */
  clear() {
    this.#wanted.clear();
    this.#told.clear();
  }

  /** A new connection: what the old one was told may not have arrived. */
  repeat() {
    this.#told.clear();
    this.#tell();
  }

  #tell() {
    clearTimeout(this.#timer);
    this.#timer = null;
    for (const [key, { type, message }] of this.#wanted) {
      if (this.#told.get(key) === message.id) continue;
      if (this.#connection.send({ type, session_id: message.chat_id, last_id: message.id }))
        this.#told.set(key, message.id);
    }
  }
}

/** Says that somebody types: at most every 3 s, and once when it stops. */
class TypingSender {
  #send;
  #lastSaid = 0;
  #stopTimer = null;

  constructor(send) {
    this.#send = send;
  }

  keystroke() {
    if (Date.now() - this.#lastSaid > 3_000) {
      this.#lastSaid = Date.now();
      this.#send(true);
    }
    clearTimeout(this.#stopTimer);
    this.#stopTimer = setTimeout(() => this.stop(), 4_000);
  }

  stop() {
    clearTimeout(this.#stopTimer);
    if (this.#lastSaid) this.#send(false);
    this.#lastSaid = 0;
  }
}

/** Who types now. A name goes after 6 s without a new sign, or with its message. */
class TypingList {
  #people = new Map();
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  take({ sender_type: type, sender_id: id, sender_name: name, is_typing: isTyping }) {
    this.forget({ sender_type: type, sender_id: id });
    if (!isTyping) return;
    const key = `${type}:${id}`;
    const timer = setTimeout(() => this.forget({ sender_type: type, sender_id: id }), 6_000);
    this.#people.set(key, { name: name ?? (type === "client" ? "Visitor" : "Operator"), timer });
    this.#onChange();
  }

  forget({ sender_type: type, sender_id: id }) {
    const key = `${type}:${id}`;
    if (!this.#people.has(key)) return;
    clearTimeout(this.#people.get(key).timer);
    this.#people.delete(key);
    this.#onChange();
  }

  clear() {
    for (const { timer } of this.#people.values()) clearTimeout(timer);
    this.#people.clear();
    this.#onChange();
  }

  get words() {
    const names = [...this.#people.values()].map(({ name }) => name);
    if (names.length === 0) return "";
    return names.length === 1 ? `${names[0]} is typing` : `${names.join(", ")} are typing`;
  }
}

/* ---------------------------------------------------------------- views */

const TICKS = { sending: "Sending", sent: "Sent", delivered: "Delivered", read: "Read" };
const SAME_BREATH = 5 * 60_000;

/** The messages of one chat, the line that says who types, and the composer. Used by both panes. */
class ConversationView {
  #side;
  #parts = {};
  #store = null;
  #drafts = new WeakMap();
  #stuckToEnd = true;
  #firstSeq = 0;
  #lastSeq = 0;
  #on;

  /** `side` is `client` or `operator`; `on` has `send(body, visibility)`, `keystroke`, `stopped`, `earlier`, `seen`, `retry`. */
  constructor({ slot, side, on }) {
    this.#side = side;
    this.#on = on;
    const root = byId("conversation-template").content.cloneNode(true);
    for (const node of root.querySelectorAll("[data-part]")) this.#parts[node.dataset.part] = node;
    slot.replaceChildren(root);
    if (side !== "operator") this.#parts.mode.remove();
    this.#listen();
  }

  #listen() {
    const { log, composer, body, mode, earlier, newer } = this.#parts;
    composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    body.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    body.addEventListener("input", () => {
      this.#fitBody();
      if (body.value.trim() && !this.#isNote) this.#on.keystroke();
      else this.#on.stopped();
    });
    mode.addEventListener("change", () => this.#showMode());
    log.addEventListener("scroll", () => this.#scrolled());
    earlier.addEventListener("click", () => this.#on.earlier());
    newer.addEventListener("click", () => this.#toEnd());
    document.addEventListener("visibilitychange", () => this.#reportSeen());
    addEventListener("resize", () => this.#stuckToEnd && this.#toEnd());
  }

  get #isNote() {
    return this.#parts.composer.elements.visibility?.value === "staff";
  }

  #submit() {
    const { body } = this.#parts;
    if (!body.value.trim()) return;
    this.#on.stopped();
    this.#on.send(body.value, this.#isNote ? "staff" : "public");
    body.value = "";
    this.#fitBody();
    this.#stuckToEnd = true;
    this.#toEnd();
  }

  #fitBody() {
    const { body } = this.#parts;
    body.style.height = "auto";
    body.style.height = `${body.scrollHeight + 2}px`;
  }

  #showMode() {
    this.#parts.composer.classList.toggle("is-note", this.#isNote);
    this.#parts.body.placeholder = this.#isNote ? "Note for operators only" : "Write a message";
    if (this.#isNote) this.#on.stopped();
  }

  /** Shows another chat. What was half written stays with its chat. */
  show(store) {
    const { body } = this.#parts;
    if (this.#store) this.#drafts.set(this.#store, body.value);
    this.#store = store;
    body.value = this.#drafts.get(store) ?? "";
    this.#fitBody();
    this.#stuckToEnd = true;
    this.#firstSeq = this.#lastSeq = 0;
    this.#parts.messages.replaceChildren();
    this.render();
    this.#toEnd();
  }

  focus() {
    this.#parts.body.focus({ preventScroll: true });
  }

  showTyping(words) {
    if (this.#parts.typing.textContent !== words) this.#parts.typing.textContent = words;
  }

  render() {
    if (!this.#store) return;
    const { log, messages, earlier, newer } = this.#parts;
    const fromEnd = log.scrollHeight - log.scrollTop;
    const stored = this.#store.messages;
    reconcile(messages, this.#rows(stored));
    earlier.hidden = !this.#store.hasEarlier;
    const first = stored[0]?.seq ?? 0;
    const last = stored.at(-1)?.seq ?? 0;
    if (this.#stuckToEnd) this.#toEnd();
    else if (first < this.#firstSeq) log.scrollTop = log.scrollHeight - fromEnd;
    else if (last > this.#lastSeq) newer.hidden = false;
    this.#firstSeq = first;
    this.#lastSeq = last;
    this.#reportSeen();
  }

  #rows(stored) {
    const rows = [];
    const drafts = [...this.#store.pending.values()].map((draft) => ({ ...draft, draft, sender_type: this.#side }));
    let previous = null;
    for (const message of [...stored, ...drafts]) {
      if (!previous || dayOf(previous.created_at) !== dayOf(message.created_at)) rows.push(this.#dayRow(message));
      rows.push(this.#messageRow(message, previous));
      previous = message;
    }
    return rows;
  }

  #dayRow({ created_at: time }) {
    const day = dayOf(time);
    return {
      key: `day ${day}`,
      version: day,
      build: () => element("li", { class: "day" }, dayFormat.format(new Date(time))),
    };
  }

  #messageRow(message, previous) {
    const isMine = message.sender_type === this.#side;
    const isFirst = !isSameBreath(previous, message);
    return {
      // A draft becomes its stored message in place.
      key: isMine ? message.client_id : `id ${message.id}`,
      version: [message.edited_at, message.is_deleted, isFirst].join(),
      build: () => this.#buildMessage(message, isMine, isFirst),
      update: (node) => this.#updateFoot(node, message, isMine),
    };
  }

  #buildMessage(message, isMine, isFirst) {
    const isNote = message.visibility === "staff";
    const classes = [
      "message",
      `from-${message.sender_type}`,
      isMine && "mine",
      isFirst && "first",
      isNote && "note",
      message.is_deleted && "deleted",
    ];
    // In a team, "mine" is the whole team's; a visitor knows its own words.
    const isOwn = isMine && this.#side === "client";
    const who = isNote ? `${this.#nameOf(message)} · note, only operators see it` : this.#nameOf(message);
    return element(
      "li",
      { class: classes.filter(Boolean).join(" "), "data-testid": "message", "data-visibility": message.visibility },
      element("span", { class: isNote || (isFirst && !isOwn) ? "who" : "unseen" }, who),
      element(
        "div",
        { class: "bubble", "data-testid": "message-body", dir: "auto" },
        message.is_deleted ? "This message was deleted." : message.body,
      ),
      element("div", { class: "foot", "aria-live": "off" }),
    );
  }

  #nameOf(message) {
    if (message.draft) return "You";
    if (message.sender_name) return message.sender_name;
    return (
      { client: "Visitor", operator: "Operator", bot: "Bot", system: "Switchboard" }[message.sender_type] ?? "User"
    );
  }

  #updateFoot(node, message, isMine) {
    const tick = this.#tickOf(message, isMine);
    const problem = message.draft?.problem ?? null;
    const state = [message.id ?? "draft", tick, problem, message.edited_at].join();
    if (node.dataset.foot === state) return;
    node.dataset.foot = state;
    if (message.id) node.dataset.messageId = message.id;
    node.lastElementChild.replaceChildren(...this.#footParts(message, tick, problem));
  }

  #tickOf(message, isMine) {
    if (message.draft) return message.draft.problem ? null : "sending";
    if (!isMine || message.visibility === "staff") return null;
    return this.#store.fate(message, this.#side === "client" ? "user" : "client");
  }

  #footParts(message, tick, problem) {
    if (problem) {
      const retry = element("button", { type: "button", class: "quiet", "data-testid": "retry" }, "Try again");
      retry.addEventListener("click", () => this.#on.retry(message.draft));
      return [element("span", { class: "problem", role: "alert" }, problem), retry];
    }
    const words =
      message.edited_at && !message.is_deleted ? `edited · ${clock(message.created_at)}` : clock(message.created_at);
    const time = element("time", { datetime: message.created_at }, words);
    return tick ? [time, tickMark(tick)] : [time];
  }

  #toEnd() {
    this.#stuckToEnd = true;
    this.#parts.newer.hidden = true;
    this.#parts.log.scrollTop = this.#parts.log.scrollHeight;
  }

  #scrolled() {
    const { log, newer } = this.#parts;
    this.#stuckToEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 48;
    if (this.#stuckToEnd) newer.hidden = true;
    this.#reportSeen();
  }

  /** A message counts as read when its end of the log is on a visible page. */
  #reportSeen() {
    const isOnScreen = !document.hidden && this.#parts.log.offsetParent !== null;
    if (isOnScreen && this.#stuckToEnd && this.#store) this.#on.seen();
  }

  /** The pane came into sight. */
  shown() {
    if (this.#stuckToEnd) this.#toEnd();
    this.#reportSeen();
  }
}

function isSameBreath(previous, message) {
  return Boolean(
    previous &&
    previous.sender_type === message.sender_type &&
    (previous.sender_id === message.sender_id || message.draft) &&
    previous.visibility === message.visibility &&
    dayOf(previous.created_at) === dayOf(message.created_at) &&
    new Date(message.created_at) - new Date(previous.created_at) < SAME_BREATH,
  );
}

function tickMark(tick) {
  return svg(
    "svg",
    {
      class: "tick",
      viewBox: "0 0 18 12",
      role: "img",
      "aria-label": TICKS[tick],
      "data-tick": tick,
      "data-testid": "tick",
    },
    svg("title", {}, TICKS[tick]),
    svg("path", { d: "M1.5 6.5 5 10 11.5 2" }),
    svg("path", { class: "second", d: "M7.8 9 8.8 10 16 2" }),
  );
}

/** Says why there is no connection, until there is one. */
function showConnection(trouble, { name, reason }) {
  if (name === "live" || name === "idle") trouble.isOver("connection");
  else if (name === "waiting") trouble.say("connection", `No connection: ${inTheMiddle(reason)}. Trying again…`);
  else if (name === "ended") trouble.say("connection", `The connection has ended: ${inTheMiddle(reason)}.`);
}

/** The plug in the head of the page: one side's connection in words. */
class ConnectionBadge {
  #node;
  #who;
  #onReconnect;

  constructor(node, who, onReconnect) {
    this.#node = node;
    this.#who = who;
    this.#onReconnect = onReconnect;
  }

  show({ name, via, reason }, idleWords = "not connected") {
    const words = {
      idle: idleWords,
      connecting: "connecting…",
      live: "live",
      waiting: "reconnecting…",
      ended: `stopped: ${reason}`,
    };
    this.#node.dataset.state = name;
    this.#node.dataset.via = via ?? "";
    this.#node.replaceChildren(
      element(
        "span",
        {},
        `${this.#who}: ${words[name]}`,
        via ? element("span", { class: "via" }, ` over ${via}`) : null,
      ),
    );
    if (name !== "ended") return;
    const button = element("button", { type: "button", class: "quiet" }, "Reconnect");
    button.addEventListener("click", this.#onReconnect);
    this.#node.append(button);
  }
}

/** How long a message took from the send button of one pane to the other pane. */
class Crossing {
  #node;
  #left = new Map();

  constructor(node) {
    this.#node = node;
  }

  leaves(clientId) {
    this.#left.set(clientId, performance.now());
  }

  arrives(clientId) {
    const left = this.#left.get(clientId);
    if (left === undefined) return;
    this.#left.delete(clientId);
    const took = performance.now() - left;
    this.#node.replaceChildren(
      "the last message crossed in ",
      element("strong", {}, `${took < 10 ? took.toFixed(1) : Math.round(took)} ms`),
    );
  }
}

/** Runs a form's work once at a time and shows why it failed. */
function onSubmit(form, problem, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector('[type="submit"]');
    button.disabled = true;
    problem.textContent = "";
    try {
      await work();
    } catch (why) {
      problem.textContent = why.message;
    } finally {
      button.disabled = false;
    }
  });
}

/* ---------------------------------------------------------------- the visitor */

const VISITOR_KEY = "switchboard.demo.visitor";

/** Where this browser keeps the proof that a conversation is its own. */
const visitorMemory = {
  load() {
    try {
      const saved = JSON.parse(localStorage.getItem(VISITOR_KEY));
      return saved?.session_id && saved.visitor_secret ? saved : null;
    } catch {
      return null;
    }
  },
  save(visit) {
    try {
      localStorage.setItem(VISITOR_KEY, JSON.stringify(visit));
    } catch {
      // Storage may be switched off: the conversation then lives as long as the page.
    }
  },
  clear() {
    try {
      localStorage.removeItem(VISITOR_KEY);
    } catch {
      // As above.
    }
  },
};

/** The left pane: one support session, seen by its client. */
class Visitor {
  #crossing;
  #visit = null;
  #pass = null;
  #isRefused = false;
  #session = null;
  #epoch = null;
  #store;
  #view;
  #queue;
  #receipts;
  #trouble = new Trouble(byId("visitor-trouble"));
  #typing = new TypingList(() => this.#view.showTyping(this.#typing.words));
  #typingSender = new TypingSender((isTyping) => this.#say({ type: "typing", is_typing: isTyping }));
  #badge = new ConnectionBadge(byId("visitor-state"), "Visitor", () => this.#connection.start());
  #connection = new Connection({
    endpoints: (how) => this.#endpoints(how),
    onFrame: (frame) => this.#take(frame),
    onState: (state) => this.#stateChanged(state),
  });

  constructor(crossing) {
    this.#crossing = crossing;
    this.#view = new ConversationView({ slot: byId("visitor-conversation"), side: "client", on: this.#actions() });
    this.#receipts = new Receipts(this.#connection);
    onSubmit(byId("visitor-start"), byId("visitor-problem"), () => this.#openSession());
    byId("visitor-forget").addEventListener("click", () => this.#forget());
  }

  start() {
    const saved = visitorMemory.load();
    if (saved) this.#enter(saved);
  }

  shown() {
    this.#view.shown();
  }

  #actions() {
    return {
      send: (body, visibility) => this.#crossing.leaves(this.#queue.add(body, visibility)),
      retry: (draft) => this.#queue.retry(draft),
      keystroke: () => this.#typingSender.keystroke(),
      stopped: () => this.#typingSender.stop(),
      earlier: () => this.#loadEarlier(),
      seen: () => this.#seen(),
    };
  }

  async #openSession() {
    const name = byId("visitor-name").value.trim();
    const page = { page_url: location.origin + location.pathname, locale: navigator.language };
    const opened = await callApi("POST", "/chat/session", { body: name ? { name, ...page } : page });
    this.#pass = opened;
    const visit = { session_id: opened.session_id, visitor_secret: opened.visitor_secret };
    visitorMemory.save(visit);
    this.#enter(visit);
    this.#view.focus();
  }

  #enter(visit) {
    this.#visit = visit;
    this.#store = new ChatStore(() => this.#view.render());
    this.#queue = new SendQueue(this.#store, (draft) => this.#transmit(draft), this.#trouble);
    this.#showConversation(true);
    this.#view.show(this.#store);
    this.#connection.start();
  }

  #forget() {
    visitorMemory.clear();
    this.#visit = this.#pass = this.#session = this.#epoch = null;
    this.#isRefused = false;
    this.#connection.stop();
    this.#queue.stop();
    this.#receipts.clear();
    this.#typing.clear();
    this.#trouble.clear();
    this.#showConversation(false);
    this.#showSession();
    byId("visitor-name").focus();
  }

  #showConversation(isOpen) {
    byId("visitor-start").hidden = isOpen;
    byId("visitor-conversation").hidden = !isOpen;
    byId("visitor-forget").hidden = !isOpen;
  }

  async #endpoints({ renew }) {
    if (renew || !this.#pass) await this.#renewPass();
    if (this.#store.cursor === null) await this.#loadHistory();
    const { session_id: session } = this.#visit;
    // A cursor names the epoch that it is of, once that is known.
    const after = this.#epoch === null ? this.#store.cursor : `${this.#epoch}:${this.#store.cursor}`;
    return {
      socket: query("/channel/ws", { session, token: this.#pass.token, after }),
      stream: `${pathOf(this.#pass.stream_url)}&after=${after}`,
    };
  }

  async #renewPass() {
    const path = `/chat/session/${this.#visit.session_id}/channel-token`;
    try {
      this.#pass = await callApi("GET", path, { token: this.#visit.visitor_secret });
    } catch (why) {
      this.#isRefused = Boolean(why.isFinal);
      throw why;
    }
  }

  /** A call with the session token; an expired one is renewed once. */
  async #call(method, path, body) {
    if (!this.#pass) await this.#renewPass();
    try {
      return await callApi(method, path, { token: this.#pass.token, body });
    } catch (why) {
      if (why.code !== "token_expired") throw why;
      await this.#renewPass();
      return callApi(method, path, { token: this.#pass.token, body });
    }
  }

  get #messagesPath() {
    return `/chat/session/${this.#visit.session_id}/messages`;
  }

  async #loadHistory() {
    const store = this.#store;
    store.takePage(await this.#call("GET", query(this.#messagesPath, { limit: PAGE_SIZE })));
    this.#arrived(store.messages.findLast((message) => message.sender_type !== "client"));
  }

  async #loadEarlier() {
    const store = this.#store;
    const path = query(this.#messagesPath, { limit: PAGE_SIZE, before_id: store.firstId });
    try {
      store.takePage(await this.#call("GET", path), { isEarlier: true });
      this.#trouble.isOver("earlier");
    } catch (why) {
      this.#trouble.say("earlier", `Earlier messages did not come. ${why.message}`, () => this.#loadEarlier());
    }
  }

  #transmit({ body, client_id }) {
    const session_id = this.#visit.session_id;
    if (this.#connection.canWrite) return this.#connection.request({ type: "message", session_id, body, client_id });
    return this.#call("POST", this.#messagesPath, { body, client_id });
  }

  #say(frame) {
    if (this.#visit) this.#connection.send({ ...frame, session_id: this.#visit.session_id });
  }

  #take(frame) {
    switch (frame.type) {
      case "connected":
        this.#welcome(frame.data);
        return;
      case "resync":
        this.#startOver();
        return;
      case "error":
        this.#trouble.say("frame", `Something was refused: ${inTheMiddle(frame.error.message)}.`);
        return;
      case "chat.typing":
        if (frame.data.sender_type !== "client") this.#typing.take(frame.data);
        return;
      case "chat.session.created":
      case "chat.session.assigned":
      case "chat.session.status":
        this.#updateSession(frame.data);
        break;
      case "chat.message":
        this.#typing.forget(frame.data);
        this.#arrived(frame.data);
        break;
    }
    this.#store.take(frame);
  }

  #welcome({ epoch, chats }) {
    if (this.#epoch !== null && this.#epoch !== epoch) {
      this.#epoch = epoch;
      this.#startOver();
      return;
    }
    this.#epoch = epoch;
    const chat = chats.find(({ chat_id: id }) => id === this.#visit.session_id);
    if (chat) {
      this.#updateSession(chat.session);
      this.#store.takeState(chat);
    }
  }

  #startOver() {
    this.#store.reset();
    this.#connection.start();
  }

  #arrived(message) {
    if (!message || message.sender_type === "client") return;
    this.#crossing.arrives(message.client_id);
    this.#receipts.want("ack", message);
  }

  #seen() {
    const last = this.#store.messages.findLast((message) => message.sender_type !== "client");
    if (last) this.#receipts.want("read", last);
  }

  #updateSession(session) {
    if (!session || (this.#session && session.state_seq < this.#session.state_seq)) return;
    this.#session = session;
    this.#showSession();
  }

  #showSession() {
    const { status, assignee } = this.#session ?? {};
    byId("visitor-title").textContent = assignee ? `Chat with ${assignee.name}` : "Chat with us";
    byId("visitor-note").textContent = visitorNote(status, assignee);
  }

  #stateChanged(state) {
    this.#badge.show(state);
    showConnection(this.#trouble, state);
    if (state.name === "live") {
      this.#trouble.isOver("frame");
      this.#receipts.repeat();
      this.#queue.flush();
      return;
    }
    this.#typing.clear();
    if (state.name === "ended" && this.#isRefused) {
      this.#forget();
      byId("visitor-problem").textContent = "Your last conversation is no longer here. Start a new one.";
    }
  }
}

function visitorNote(status, assignee) {
  if (!status) return "What a visitor of your site sees.";
  if (status === "closed") return "This conversation is closed. Write to open it again.";
  return assignee ? `${assignee.name} is with you.` : "Somebody will be with you soon.";
}

/* ---------------------------------------------------------------- the operator */

const ACCOUNT_KEY = "switchboard.demo.operator";

/** The operator's tokens. They stay in this tab: a refresh token that two tabs use counts as stolen. */
class OperatorAccount {
  #tokens = null;
  #refreshing = null;
  me = null;

  get isSignedIn() {
    return this.#tokens !== null;
  }

  async restore() {
    try {
      this.#tokens = JSON.parse(sessionStorage.getItem(ACCOUNT_KEY));
    } catch {
      this.#tokens = null;
    }
    if (this.#tokens) await this.#meet();
    return this.isSignedIn;
  }

  async signIn(email, password) {
    this.#keep(await callApi("POST", "/auth/login", { body: { email, password } }));
    await this.#meet();
  }

  async #meet() {
    try {
      this.me = await this.call("GET", "/users/me");
    } catch (why) {
      if (why.isFinal) this.signOut();
      throw why;
    }
    if (["operator", "admin"].includes(this.me.role)) return;
    this.signOut();
    throw new ApiError(403, { code: "forbidden", message: "This account is not an operator." });
  }

  signOut() {
    this.#keep(null);
    this.me = null;
  }

  /** A call with the access token; an expired one is refreshed once. */
  async call(method, path, body) {
    try {
      return await callApi(method, path, { token: this.#tokens?.access_token, body });
    } catch (why) {
      if (why.status !== 401 || !this.#tokens) throw why;
      await this.refresh();
      return callApi(method, path, { token: this.#tokens?.access_token, body });
    }
  }

  /** One refresh at a time, since each refresh token works once. */
  refresh() {
    this.#refreshing ??= callApi("POST", "/auth/refresh", { body: { refresh_token: this.#tokens.refresh_token } })
      .then((tokens) => this.#keep(tokens))
      .catch((why) => this.#refused(why))
      .finally(() => {
        this.#refreshing = null;
      });
    return this.#refreshing;
  }

  async accessToken({ renew }) {
    if (renew) await this.refresh();
    return this.#tokens.access_token;
  }

  /** A refresh token that is refused, expired included, leaves only a new login. */
  #refused(why) {
    if (why.status !== 401 && why.status !== 403) throw why;
    this.signOut();
    throw new ApiError(401, { code: "unauthorized", message: "Please sign in again." });
  }

  #keep(tokens) {
    this.#tokens = tokens;
    try {
      if (tokens) sessionStorage.setItem(ACCOUNT_KEY, JSON.stringify(tokens));
      else sessionStorage.removeItem(ACCOUNT_KEY);
    } catch {
      // Storage may be switched off: the login then lives as long as the page.
    }
  }
}

const visitorName = (session) => session.client?.name || `Visitor ${session.session_id}`;

/** The list of sessions: what the server said, kept current by the staff feed. */
class SessionList {
  #account;
  #trouble;
  #sessions = new Map();
  #nextCursor = null;
  #filterForm = byId("filters");
  #loads = 0;
  #onOpen;
  openId = null;

  constructor(account, trouble, onOpen) {
    this.#account = account;
    this.#trouble = trouble;
    this.#onOpen = onOpen;
    this.#filterForm.addEventListener("change", (event) => {
      if (event.target.name !== "unread") this.load();
      this.render();
    });
    this.#filterForm.addEventListener("submit", (event) => event.preventDefault());
    byId("sessions-more").addEventListener("click", () => this.load({ more: true }));
  }

  get(id) {
    return this.#sessions.get(id);
  }

  clear() {
    this.#sessions.clear();
    this.#nextCursor = null;
    this.openId = null;
    this.render();
  }

  async load({ more = false } = {}) {
    const load = ++this.#loads;
    const { status, assignee } = this.#filters;
    const path = query("/chat/sessions", {
      status,
      assignee,
      limit: LIST_SIZE,
      cursor: more ? this.#nextCursor : null,
    });
    const page = await this.#account.call("GET", path).catch((why) => why);
    if (load !== this.#loads) return;
    if (page instanceof Error) {
      this.#trouble.say("list", `The sessions did not come. ${page.message}`, () => this.load({ more }));
      return;
    }
    this.#trouble.isOver("list");
    page.sessions.forEach((session) => this.#sessions.set(session.session_id, session));
    this.#nextCursor = page.next_cursor ?? null;
    this.render();
  }

  async fetch(id) {
    try {
      this.#sessions.set(id, await this.#account.call("GET", `/chat/session/${id}`));
      this.#trouble.isOver("session");
      this.render();
    } catch (why) {
      this.#trouble.say("session", `A session did not come. ${why.message}`, () => this.fetch(id));
    }
  }

  /** A session's new state, from an event or an answer. */
  takeState(state) {
    const known = this.#sessions.get(state.session_id);
    if (!known) {
      this.fetch(state.session_id);
      return;
    }
    if (state.state_seq < known.state_seq) return;
    Object.assign(known, state);
    this.render();
  }

  /** What only operators see of a session. */
  takeDesk(desk) {
    const known = this.#sessions.get(desk.session_id);
    if (!known || desk.desk_seq < (known.desk_seq ?? 0)) return;
    Object.assign(known, desk);
    this.render();
  }

  takeMessage(message) {
    const session = this.#sessions.get(message.session_id);
    if (!session) {
      this.fetch(message.session_id);
      return;
    }
    const isNew = message.seq > (session.last_message?.seq ?? 0);
    if (isNew && message.sender_type === "client") session.unread_count = (session.unread_count ?? 0) + 1;
    const isChanged = session.last_message?.id === message.id && message.changed_seq > session.last_message.changed_seq;
    if (isNew || isChanged) session.last_message = message;
    this.render();
  }

  wasRead(id) {
    const session = this.#sessions.get(id);
    if (!session || !session.unread_count) return;
    session.unread_count = 0;
    this.render();
  }

  get #filters() {
    const { status, assignee, unread } = this.#filterForm.elements;
    return { status: status.value, assignee: assignee.value, unread: unread.checked };
  }

  #isShown(session) {
    const { status, assignee, unread } = this.#filters;
    if (status && session.status !== status) return false;
    if (assignee === "me" && session.assignee?.id !== this.#account.me?.id) return false;
    if (assignee === "none" && session.assignee) return false;
    // The session that is being read stays in sight.
    return !unread || session.unread_count > 0 || session.session_id === this.openId;
  }

  render() {
    const shown = [...this.#sessions.values()].filter((session) => this.#isShown(session));
    shown.sort((a, b) => lastActivity(b) - lastActivity(a) || b.session_id - a.session_id);
    reconcile(
      byId("sessions"),
      shown.map((session) => this.#row(session)),
    );
    byId("sessions-nothing").hidden = shown.length > 0;
    byId("sessions-more").hidden = !this.#nextCursor;
  }

  #row(session) {
    return {
      key: String(session.session_id),
      version: "1",
      build: () => this.#build(session.session_id),
      update: (node) => updateSessionRow(node.firstElementChild, session, session.session_id === this.openId),
    };
  }

  #build(id) {
    const button = element("button", {
      type: "button",
      class: "session",
      "data-testid": "session",
      "data-session-id": id,
    });
    button.addEventListener("click", () => this.#onOpen(id));
    return element("li", {}, button);
  }
}

const lastActivity = (session) => new Date(session.last_message?.created_at ?? session.created_at).getTime();

function updateSessionRow(button, session, isOpen) {
  const last = session.last_message;
  const unread = session.unread_count || 0;
  button.setAttribute("aria-current", String(isOpen));
  button.replaceChildren(
    element("span", { class: "session-title" }, visitorName(session)),
    element(
      "time",
      { class: "session-time", datetime: last?.created_at ?? session.created_at },
      clockOrDay(last?.created_at ?? session.created_at),
    ),
    element("span", { class: "session-preview" }, previewOf(last)),
    unread > 0
      ? element("span", { class: "unread", "aria-label": `${unread} unread`, "data-testid": "unread" }, String(unread))
      : element("span"),
    element(
      "span",
      { class: "session-tags" },
      element("span", { class: "tag" }, session.status),
      element("span", { class: "tag" }, session.assignee?.name ?? "unassigned"),
    ),
  );
}

function previewOf(message) {
  if (!message) return "No messages yet";
  if (message.is_deleted) return "Deleted message";
  const prefix = message.visibility === "staff" ? "Note: " : message.sender_type === "operator" ? "↩ " : "";
  return prefix + message.body;
}

/** The right pane: the queue of sessions, and one of them open. */
class Operator {
  #crossing;
  #account = new OperatorAccount();
  #trouble = new Trouble(byId("operator-trouble"));
  #list = new SessionList(this.#account, this.#trouble, (id) => this.#openSession(id));
  #conversations = new Map();
  #open = null;
  #epoch = null;
  #view;
  #receipts;
  #typing = new TypingList(() => this.#view.showTyping(this.#typing.words));
  #typingSender = new TypingSender((isTyping) => this.#sayTyping(isTyping));
  #badge = new ConnectionBadge(byId("operator-state"), "Operator", () => this.#connection.start());
  #connection = new Connection({
    endpoints: (how) => this.#endpoints(how),
    onFrame: (frame) => this.#take(frame),
    onState: (state) => this.#stateChanged(state),
  });

  constructor(crossing) {
    this.#crossing = crossing;
    this.#view = new ConversationView({ slot: byId("operator-conversation"), side: "operator", on: this.#actions() });
    this.#receipts = new Receipts(this.#connection);
    onSubmit(byId("operator-login"), byId("operator-problem"), () => this.#signIn());
    byId("operator-logout").addEventListener("click", () => this.#signOut());
    byId("session-back").addEventListener("click", () => this.#closeSession());
    byId("session-assign").addEventListener("click", () => this.#assign());
    byId("session-pending").addEventListener("click", () => this.#setStatus("pending"));
    byId("session-close").addEventListener("click", () =>
      this.#setStatus(this.#openState?.status === "closed" ? "open" : "closed"),
    );
  }

  async start() {
    this.#badge.show({ name: "idle" }, "signed out");
    prefillLogin();
    try {
      if (await this.#account.restore()) this.#enter();
    } catch (why) {
      const isOver = !this.#account.isSignedIn;
      this.#trouble.say("restore", `You are not signed in. ${why.message}`, isOver ? null : () => this.start());
    }
  }

  shown() {
    this.#view.shown();
  }

  #actions() {
    return {
      send: (body, visibility) => this.#crossing.leaves(this.#open.queue.add(body, visibility)),
      retry: (draft) => this.#open.queue.retry(draft),
      keystroke: () => this.#typingSender.keystroke(),
      stopped: () => this.#typingSender.stop(),
      earlier: () => this.#loadEarlier(),
      seen: () => this.#seen(),
    };
  }

  async #signIn() {
    await this.#account.signIn(byId("operator-email").value, byId("operator-password").value);
    byId("operator-password").value = "";
    this.#trouble.clear();
    this.#enter();
  }

  #enter() {
    this.#showDesk(true);
    byId("operator-note").textContent = this.#greeting;
    this.#connection.start();
  }

  #signOut() {
    this.#connection.stop();
    this.#badge.show({ name: "idle" }, "signed out");
    this.#closeSession();
    for (const { queue } of this.#conversations.values()) queue.stop();
    this.#conversations.clear();
    this.#receipts.clear();
    this.#list.clear();
    this.#account.signOut();
    this.#epoch = null;
    this.#trouble.clear();
    this.#showDesk(false);
    byId("operator-note").textContent = this.#greeting;
    byId("operator-email").focus({ preventScroll: true });
  }

  #showDesk(isIn) {
    byId("operator-login").hidden = isIn;
    byId("desk").hidden = !isIn;
    byId("operator-logout").hidden = !isIn;
  }

  async #endpoints(how) {
    const access_token = await this.#account.accessToken(how);
    return {
      socket: query("/channel/ws", { type: "staff", access_token }),
      stream: query("/channel/sse", { type: "staff", access_token }),
    };
  }

  #take(frame) {
    switch (frame.type) {
      case "connected":
        this.#welcome(frame.data);
        return;
      case "resync":
        this.#reload(frame.chats);
        return;
      case "error":
        this.#trouble.say("frame", `Something was refused: ${inTheMiddle(frame.error.message)}.`);
        return;
      case "subscribed":
        this.#caughtUp(frame);
        return;
      case "chat.typing":
        if (this.#isOpen(frame) && !this.#isMe(frame.data)) this.#typing.take(frame.data);
        return;
      case "chat.session.created":
      case "chat.session.assigned":
      case "chat.session.status":
        this.#list.takeState(frame.data);
        this.#showSession();
        break;
      case "chat.session.desk":
        this.#list.takeDesk(frame.data);
        this.#showSession();
        break;
      case "chat.message":
        this.#arrived(frame.data);
        break;
      case "chat.message.edited":
      case "chat.message.deleted":
        this.#list.takeMessage(frame.data);
        break;
      case "chat.read":
        if (frame.data.reader_type === "user" && frame.data.reader_id === this.#account.me.id) this.#ownReadRose(frame);
        break;
    }
    this.#takeIntoConversation(frame);
  }

  /** While the gap since the last connection is still being filled, live frames are shown but do not move the cursor. */
  #takeIntoConversation(frame) {
    const conversation = this.#conversations.get(frame.session_id);
    conversation?.store.take(conversation.isLevel ? frame : { ...frame, seq: undefined });
  }

  #isOpen(frame) {
    return this.#open !== null && frame.session_id === this.#open.id;
  }

  #isMe({ sender_type: type, sender_id: id }) {
    return type === "operator" && id === this.#account.me.id;
  }

  #welcome({ epoch }) {
    const isOtherHistory = this.#epoch !== null && this.#epoch !== epoch;
    this.#epoch = epoch;
    this.#list.load();
    if (isOtherHistory) this.#forgetHistory([]);
    if (this.#open) this.#catchUp(this.#open);
  }

  #reload(chats) {
    this.#list.load();
    this.#forgetHistory(chats);
    if (this.#open && !this.#open.isLevel) this.#catchUp(this.#open);
  }

  /** Of these chats, or of all when none is named. */
  #forgetHistory(chats) {
    for (const conversation of this.#conversations.values()) {
      if (chats.length > 0 && !chats.includes(conversation.id)) continue;
      conversation.store.reset();
      conversation.isLevel = false;
    }
  }

  #arrived(message) {
    this.#list.takeMessage(message);
    if (message.sender_type === "operator") return;
    this.#crossing.arrives(message.client_id);
    this.#receipts.want("ack", message);
    if (this.#open?.id === message.session_id) this.#typing.forget(message);
  }

  #ownReadRose({ session_id: id, data }) {
    if (data.read_seq >= (this.#list.get(id)?.last_message?.seq ?? 0)) this.#list.wasRead(id);
  }

  #openSession(id) {
    this.#leaveOpen();
    this.#open = this.#conversation(id);
    this.#list.openId = id;
    this.#list.render();
    byId("desk").dataset.showing = "session";
    byId("desk-empty").hidden = true;
    byId("open-session").hidden = false;
    this.#view.show(this.#open.store);
    this.#showSession();
    byId("session-name").focus({ preventScroll: true });
    if (!this.#open.isLevel) this.#catchUp(this.#open);
  }

  /** Kept when another one is opened: with what is half written, and what is still on its way. */
  #conversation(id) {
    if (!this.#conversations.has(id)) {
      const store = new ChatStore(() => this.#open?.store === store && this.#view.render());
      const queue = new SendQueue(store, (draft) => this.#transmit(id, draft), this.#trouble);
      this.#conversations.set(id, { id, store, queue, isLevel: false });
    }
    return this.#conversations.get(id);
  }

  #closeSession() {
    this.#leaveOpen();
    this.#list.openId = null;
    this.#list.render();
    delete byId("desk").dataset.showing;
    byId("desk-empty").hidden = false;
    byId("open-session").hidden = true;
  }

  #leaveOpen() {
    this.#typingSender.stop();
    this.#typing.clear();
    this.#open = null;
  }

  /** History first, then what changed after it; again after each break. */
  async #catchUp(conversation) {
    const { id, store, queue } = conversation;
    conversation.isLevel = false;
    try {
      if (store.cursor === null) store.takePage(await this.#messages(id, { limit: PAGE_SIZE }));
      const frame = { type: "subscribe", session_id: id, after: store.cursor, epoch: this.#epoch ?? undefined };
      if (!this.#connection.send(frame)) await this.#readAfter(conversation);
      this.#trouble.isOver("history");
    } catch (why) {
      // The connection's next life tries again too.
      const again = () => this.#catchUp(conversation);
      this.#trouble.say("history", `The conversation did not come. ${why.message}`, again);
      return;
    }
    this.#ackLatest(store);
    queue.flush();
  }

  /** What `subscribe` does, over REST: server-sent events have no way to ask. */
  async #readAfter(conversation) {
    const { id, store } = conversation;
    let page;
    do {
      page = await this.#messages(id, { limit: PAGE_SIZE, after_seq: store.cursor });
      store.takePage(page, { isLater: true });
    } while (page.has_more);
    conversation.isLevel = this.#connection.isLive;
  }

  #caughtUp({ chat_id: id, seq, data }) {
    const conversation = this.#conversations.get(id);
    if (!conversation) return;
    conversation.isLevel = true;
    conversation.store.take({ type: "subscribed", seq });
    conversation.store.takeState(data);
    if (data.session) this.#list.takeState(data.session);
    this.#showSession();
  }

  #messages(id, parameters) {
    return this.#account.call("GET", query(`/chat/session/${id}/messages`, parameters));
  }

  async #loadEarlier() {
    const { id, store } = this.#open;
    try {
      store.takePage(await this.#messages(id, { limit: PAGE_SIZE, before_id: store.firstId }), { isEarlier: true });
      this.#trouble.isOver("earlier");
    } catch (why) {
      this.#trouble.say("earlier", `Earlier messages did not come. ${why.message}`);
    }
  }

  #transmit(id, { body, client_id, visibility }) {
    if (this.#connection.canWrite) {
      return this.#connection.request({ type: "message", session_id: id, body, client_id, visibility });
    }
    return this.#account.call("POST", `/chat/session/${id}/messages`, { body, client_id, visibility });
  }

  #sayTyping(isTyping) {
    if (this.#open) this.#connection.send({ type: "typing", session_id: this.#open.id, is_typing: isTyping });
  }

  #latestOfOthers(store) {
    return store.messages.findLast((message) => message.sender_type !== "operator");
  }

  #ackLatest(store) {
    const last = this.#latestOfOthers(store);
    if (last) this.#receipts.want("ack", last);
  }

  #seen() {
    const last = this.#open && this.#latestOfOthers(this.#open.store);
    if (!last) return;
    this.#receipts.want("read", last);
    this.#list.wasRead(this.#open.id);
  }

  get #openState() {
    return this.#open && this.#list.get(this.#open.id);
  }

  #showSession() {
    const session = this.#openState;
    if (!session) return;
    const { client, status, assignee, is_banned: isBanned } = session;
    const isWith = assignee ? `with ${assignee.name}` : "unassigned";
    const facts = [client?.email, status, isBanned && "banned", isWith, client?.page_url];
    byId("session-name").textContent = visitorName(session);
    byId("session-facts").textContent = facts.filter(Boolean).join(" · ");
    byId("session-assign").textContent = assignee?.id === this.#account.me.id ? "Unassign" : "Assign to me";
    byId("session-pending").hidden = status !== "open";
    byId("session-close").textContent = status === "closed" ? "Reopen" : "Close";
  }

  /** Only as long as it is with whom the page shows: of two operators who take a session at once the second is told. */
  #assign() {
    const holder = this.#openState?.assignee?.id ?? null;
    const isMine = holder === this.#account.me.id;
    return this.#change("assign", { user_id: isMine ? null : this.#account.me.id, if_assignee: holder });
  }

  #setStatus(status) {
    return this.#change("status", { status });
  }

  async #change(what, body) {
    const { id } = this.#open;
    try {
      this.#list.takeState(await this.#account.call("POST", `/chat/session/${id}/${what}`, body));
      this.#trouble.isOver("change");
    } catch (why) {
      const again = why.isFinal ? null : () => this.#change(what, body);
      this.#trouble.say("change", `The session is as it was. ${refusal(why)}`, again);
      // What is shown was not so any more.
      if (why.code === "conflict") await this.#list.fetch(id);
    }
    this.#showSession();
  }

  get #greeting() {
    return this.#account.me ? `Signed in as ${this.#account.me.name}.` : "What your team sees.";
  }

  #stateChanged(state) {
    this.#badge.show(state);
    showConnection(this.#trouble, state);
    if (state.name === "live") {
      this.#trouble.isOver("frame");
      this.#receipts.repeat();
      return;
    }
    this.#typing.clear();
    for (const conversation of this.#conversations.values()) conversation.isLevel = false;
    if (state.name === "ended" && !this.#account.isSignedIn) {
      this.#signOut();
      byId("operator-problem").textContent = state.reason;
    }
  }
}

/** Why a session was not changed. */
function refusal({ code, message, details }) {
  if (code !== "conflict" || details.assignee === undefined) return message;
  return details.assignee ? `${details.assignee.name} was quicker.` : "It was just taken back.";
}

/** `#demo=<email>:<password>` fills in the login. The fragment never leaves the browser, and goes from the address at once. */
function prefillLogin() {
  const match = /^#(side=operator&)?demo=([^:]*):(.*)$/s.exec(location.hash);
  if (!match) return;
  history.replaceState(null, "", location.pathname + location.search + (match[1] ? "#side=operator" : ""));
  const [email, password] = match.slice(2).map(decoded);
  byId("operator-email").value = email;
  byId("operator-password").value = password;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/* ---------------------------------------------------------------- the page */

const pageTrouble = new Trouble(byId("page-trouble"));
pageTrouble.clear();
for (const kind of ["error", "unhandledrejection"]) {
  addEventListener(kind, ({ reason, message }) => {
    pageTrouble.say("page", `Something in this page failed: ${sentence(reason?.message ?? message)} Reload it if it does not go on.`);
  });
}

const crossing = new Crossing(byId("crossing"));
const panes = { visitor: new Visitor(crossing), operator: new Operator(crossing) };

/** Where both sides have no room beside each other, the one that is shown. */
function show(side) {
  document.body.dataset.side = side;
  for (const button of document.querySelectorAll("[data-show]")) {
    button.setAttribute("aria-pressed", String(button.dataset.show === side));
  }
  panes[side].shown();
}

for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => show(button.dataset.show));
}

// `#side=operator` is for a page that has the visitor's side itself, and this one in a frame: of this one the other half alone. No
// element has that id: a browser would scroll the page around to it.
const isOperatorAlone = /^#side=operator(&|$)/.test(location.hash);
document.body.toggleAttribute("data-alone", isOperatorAlone);
if (isOperatorAlone) show("operator");
else panes.visitor.start();
panes.operator.start();
