// A small strict server for visitors: the routes that an SDK calls, a channel by socket, stream and polls, and switches to
// break each of them. What a client sends that the protocol does not have is a complaint, and fails the test.
import type { ClientFrame, ServerFrame } from "../../src/protocol/frames.ts";
import type { Mark, Message, Session } from "../../src/protocol/schemas.ts";
import { mark, message, session } from "./shapes.ts";

interface Chat {
  id: number;
  secret: string;
  device: number;
  contact: string | null;
  seq: number;
  session: Session;
  messages: Message[];
  marks: Mark[];
  opened: Record<string, unknown>;
  clientId: unknown;
}

interface Listener {
  chat: Chat;
  how: "websocket" | "sse" | "polling";
  tell(frame: ServerFrame): void;
  close(code: number, reason: string): void;
}

type Refusal = { status: number; code: string; details?: Record<string, unknown> };

const LIFETIME_MS = 86_400_000;
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const json = (status: number, body: unknown) => Response.json(body, { status });

export class FakeServer {
  readonly chats = new Map<number, Chat>();
  readonly complaints: string[] = [];
  readonly calls: string[] = [];
  readonly signals: Record<string, unknown>[] = [];
  /** The `client_id` of each request that opens a session. */
  readonly openings: string[] = [];
  readonly listeners = new Set<Listener>();
  /** Everything is away: connections break and requests fail. */
  isDown = false;
  /** Sessions that were there before a restore. */
  readonly lost = new Set<number>();
  /** Ways that a network lets nothing through. */
  blocked = new Set<"websocket" | "sse" | "polling">();
  /** Sockets stay open and nothing comes or goes. */
  isSilent = false;
  epoch = 1;
  site: Record<string, unknown> = { key: "shop", name: "Shop", identity: "optional" };
  /** Answers the next request to a path that begins so, once. */
  next = new Map<string, Response | Refusal>();
  /** The next request to a path that begins so is done, and its answer is lost. */
  losesAnswer: string | null = null;
  /** Gives each message its fate: an error to answer with, or null. */
  judge: (body: string, attempt: number) => Refusal | null = () => null;
  /** Says the same of each session that is to be opened. */
  judgeOpening: (body: Record<string, unknown>) => Refusal | null = () => null;
  /** The first so many openings are told that their `client_id` is of another session. */
  taken = 0;
  /** Identities whose time is over. */
  readonly expired = new Set<unknown>();
  /** The server's clock, which is not the browser's. */
  clock = () => Date.parse("2026-11-21T10:15:30.000Z");
  #nextId = 41;
  #nextMessage = 1_000;
  #tokens = new Map<string, number>();
  #attempts = new Map<string, number>();
  readonly WebSocket = socketsOf(this);

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init as RequestInit);
    const { pathname, searchParams } = new URL(request.url);
    this.calls.push(`${request.method} ${pathname}`);
    await Promise.resolve();
    if (this.isDown || init?.signal?.aborted) throw new TypeError("fetch failed");
    for (const [path, answer] of this.next) {
      if (!pathname.startsWith(path)) continue;
      this.next.delete(path);
      return answer instanceof Response ? answer : this.#refusal(answer);
    }
    const text = await request.text();
    const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
    if (pathname === "/channel/sse") return this.#stream(searchParams, init?.signal ?? null);
    if (pathname === "/channel/poll") return this.#poll(searchParams, body, init?.signal ?? null);
    const answer = await this.#route(request, pathname, searchParams, body);
    if (this.losesAnswer === null || !pathname.startsWith(this.losesAnswer)) return answer;
    this.losesAnswer = null;
    throw new TypeError("fetch failed");
  };

  // --- what tests do ---------------------------------------------------------------------------------------------

  /** An operator writes. */
  say(id: number, body: string): Message {
    const chat = this.#chat(id);
    const one = message({ id: this.#nextMessage++, chat_id: id, session_id: id, seq: ++chat.seq, body });
    chat.messages.push(one);
    this.tell(id, { type: "chat.message", session_id: id, seq: one.seq, data: one });
    return one;
  }

  tell(id: number, frame: ServerFrame): void {
    for (const listener of this.listeners) if (listener.chat.id === id) listener.tell(frame);
  }

  close(code: number, reason: string): void {
    for (const listener of this.listeners) listener.close(code, reason);
  }

  /** All connections break, without a word. */
  cut(): void {
    this.close(0, "");
  }

  setStatus(id: number, status: Session["status"]): void {
    const chat = this.#chat(id);
    chat.session = { ...chat.session, status, state_seq: ++chat.seq };
    this.tell(id, { type: "chat.session.status", session_id: id, seq: chat.seq, data: chat.session });
  }

  /** The database is restored from a time before this session. Its connections do not notice. */
  lose(id: number): void {
    this.chats.delete(id);
    this.lost.add(id);
    for (const [token, of] of this.#tokens) if (of === id) this.#tokens.delete(token);
  }

  expireTokens(): void {
    this.#tokens.clear();
  }

  texts(id: number): string[] {
    return this.#chat(id).messages.map(({ body }) => body);
  }

  // --- the channel -----------------------------------------------------------------------------------------------

  /** The chat that a query's token opens. */
  admitted(query: URLSearchParams): Chat | null {
    const id = Number(query.get("session"));
    return this.#tokens.get(query.get("token") ?? "") === id ? this.#chat(id) : null;
  }

  /** What a connection hears first. */
  greet(chat: Chat, after: { epoch: number; seq: number } | null): ServerFrame[] {
    const isForeign = after !== null && after.epoch !== this.epoch;
    const from = after === null || isForeign || after.seq > chat.seq ? chat.seq : after.seq;
    const state = { chat_id: chat.id, kind: "session" as const, seq: chat.seq, state_seq: chat.session.state_seq };
    const data = { connection_id: "c", role: "client" as const, self_id: 9, name: null, epoch: this.epoch, ping_interval: 30 };
    const frames: ServerFrame[] = [
      {
        type: "connected",
        session_id: chat.id,
        seq: from,
        data: { ...data, chats: [{ ...state, session: chat.session, marks: chat.marks }], more: null, workspace: null },
      },
    ];
    if (isForeign || (after && after.seq > chat.seq)) frames.push({ type: "resync", why: isForeign ? "epoch" : "ahead", chats: [chat.id] });
    for (const one of chat.messages.filter(({ changed_seq }) => changed_seq > from)) {
      frames.push({ type: "chat.message", session_id: chat.id, seq: one.changed_seq, data: one });
    }
    return frames;
  }

  /** A frame of a client, and the answer to it. */
  take(chat: Chat, frame: ClientFrame): ServerFrame | null {
    switch (frame.type) {
      case "ping":
        return { type: "pong" };
      case "pong":
        return null;
      case "message": {
        const { body, client_id: clientId } = frame;
        const refused = this.#judged(clientId, body);
        const error = refused && { code: refused.code as never, message: refused.code, details: refused.details ?? {} };
        if (error) return { type: "error", client_id: clientId, chat_id: chat.id, error };
        return { type: "ack", client_id: clientId, data: this.#store(chat, body, clientId) };
      }
      case "ack":
      case "read":
        this.#mark(chat, frame.type === "read" ? "read" : "delivered", frame.last_id);
        return null;
      case "typing":
      case "page":
        this.signals.push({ ...frame });
        return null;
      case "auth":
        this.calls.push("auth");
        return this.#tokens.get(frame.token) === chat.id
          ? { type: "authenticated" }
          : { type: "error", error: { code: "unauthorized", message: "bad token" } };
      default:
        this.complaints.push(`a visitor sends ${frame.type}`);
        return null;
    }
  }

  // --- REST ------------------------------------------------------------------------------------------------------

  async #route(request: Request, path: string, query: URLSearchParams, body: Record<string, unknown>): Promise<Response> {
    const bearer = request.headers.get("authorization")?.replace("Bearer ", "") ?? "";
    if (path === `/chat/sites/${String(this.site.key)}/sessions`) return this.#ofPerson(body);
    if (path.startsWith("/chat/sites/")) {
      return path === `/chat/sites/${String(this.site.key)}` ? json(200, this.site) : this.#refusal({ status: 404, code: "not_found" });
    }
    if (path === "/chat/session" && request.method === "POST") return this.#open(body);
    const [, id, rest] = /^\/chat\/session\/(\d+)\/([a-z-]+)$/.exec(path) ?? [];
    const chat = this.chats.get(Number(id));
    if (this.lost.has(Number(id))) return this.#refusal({ status: 401, code: "unauthorized" });
    if (!chat || !rest) {
      this.complaints.push(`${request.method} ${path}`);
      return this.#refusal({ status: 404, code: "not_found" });
    }
    const isSecret = bearer === chat.secret;
    const isToken = this.#tokens.get(bearer) === chat.id;
    switch (`${request.method} ${rest}`) {
      case "GET channel-token":
        return isSecret ? json(200, this.#token(chat)) : this.#refusal({ status: 401, code: "unauthorized" });
      case "GET sessions": {
        if (!isSecret) return this.#refusal({ status: 401, code: "unauthorized" });
        const own = [...this.chats.values()].filter(
          ({ device, contact }) => device === chat.device || (contact !== null && contact === chat.contact),
        );
        return json(200, this.#list(own));
      }
    }
    if (!isToken) return this.#refusal({ status: 401, code: "token_expired" });
    switch (`${request.method} ${rest}`) {
      case "GET messages": {
        const before = Number(query.get("before_id") ?? Infinity);
        const limit = Number(query.get("limit") ?? 50);
        const found = chat.messages.filter((one) => one.id < before);
        const messages = found.slice(-limit);
        return json(200, { messages, marks: chat.marks, has_more: found.length > limit, seq: chat.seq });
      }
      case "POST messages": {
        const refused = this.#judged(String(body.client_id), String(body.body));
        if (refused) return this.#refusal(refused);
        return json(201, this.#store(chat, String(body.body), String(body.client_id)));
      }
      case "POST marks":
        return json(200, this.#mark(chat, body.kind as "read", Number(body.last_id)));
      case "POST signals":
        this.signals.push(body);
        return new Response(null, { status: 204 });
      case "PATCH client":
        chat.session = { ...chat.session, client: { ...chat.session.client, ...body } };
        if (body.metadata) chat.opened = { ...chat.opened, metadata: body.metadata };
        return new Response(null, { status: 204 });
      case "POST identify":
        return this.#identify(chat, body);
      default:
        this.complaints.push(`${request.method} ${path}`);
        return this.#refusal({ status: 404, code: "not_found" });
    }
  }

  #open({ client_id: clientId, ...body }: Record<string, unknown>): Response {
    if (!UUID.test(String(clientId))) this.complaints.push(`session with client_id ${String(clientId)}`);
    this.openings.push(String(clientId));
    const known = ["site", "name", "email", "page_url", "locale", "metadata", "identity", "device"];
    for (const name of Object.keys(body)) if (!known.includes(name)) this.complaints.push(`session with ${name}`);
    if (this.site.identity === "required" && !body.identity) {
      return this.#refusal({ status: 403, code: "forbidden", details: { identity: "required" } });
    }
    if (this.taken > 0) {
      this.taken--;
      return this.#refusal({ status: 409, code: "conflict", details: { field: "client_id" } });
    }
    const refused = this.judgeOpening(body);
    if (refused) return this.#refusal(refused);
    const device = body.device as { session_id: number; visitor_secret: string } | undefined;
    const before = device && this.chats.get(device.session_id);
    if (device && before?.secret !== device.visitor_secret) return this.#refusal({ status: 401, code: "unauthorized" });
    const same = [...this.chats.values()].find((one) => one.clientId === clientId);
    if (same) return this.#opened(same, 200);
    const id = ++this.#nextId;
    const contact = typeof body.identity === "string" ? body.identity : null;
    if (before?.contact && contact && contact !== before.contact) {
      return this.#refusal({ status: 409, code: "conflict", details: { field: "identity" } });
    }
    const chat: Chat = {
      id,
      secret: `secret-${id}`,
      device: before?.device ?? id,
      contact: contact ?? before?.contact ?? null,
      seq: 1,
      session: session({ session_id: id, created_at: new Date(this.clock()).toISOString() }),
      messages: [],
      marks: [],
      opened: body,
      clientId,
    };
    this.chats.set(id, chat);
    return this.#opened(chat, 201);
  }

  #opened(chat: Chat, status: 200 | 201): Response {
    const opened = { session_id: chat.id, visitor_secret: chat.secret, created_at: chat.session.created_at };
    return json(status, { ...opened, ...this.#token(chat) });
  }

  #identify(chat: Chat, body: Record<string, unknown>): Response {
    if (chat.contact && chat.contact !== body.identity) return this.#refusal({ status: 409, code: "conflict" });
    chat.contact = String(body.identity);
    return new Response(null, { status: 204 });
  }

  #ofPerson({ identity }: Record<string, unknown>): Response {
    if (this.expired.has(identity)) return this.#refusal({ status: 401, code: "token_expired" });
    return json(200, this.#list([...this.chats.values()].filter(({ contact }) => contact === identity)));
  }

  #list(chats: Chat[]) {
    const sessions = chats.sort((a, b) => b.id - a.id).map((one) => {
      const { token, expires_at, created_at: token_created_at } = this.#token(one);
      const { status, created_at } = one.session;
      const read = one.marks.find((held) => held.reader_type === "client")?.read_seq ?? 0;
      const unread_count = one.messages.filter(({ sender_type: by, seq }) => by !== "client" && seq > read).length;
      const last_message = one.messages.at(-1) ?? null;
      return { token, expires_at, token_created_at, session_id: one.id, status, created_at, assignee: null, last_message, unread_count };
    });
    return { sessions, next_cursor: null };
  }

  #token(chat: Chat) {
    const token = `token-${chat.id}-${this.#tokens.size}-${Math.random()}`;
    this.#tokens.set(token, chat.id);
    const [created_at, expires_at] = [0, LIFETIME_MS].map((ms) => new Date(this.clock() + ms).toISOString());
    return { token, created_at, expires_at, stream_url: "/s" };
  }

  #judged(clientId: string, body: string): Refusal | null {
    const attempt = (this.#attempts.get(clientId) ?? 0) + 1;
    this.#attempts.set(clientId, attempt);
    return this.judge(body, attempt);
  }

  #store(chat: Chat, body: string, clientId: string): Message {
    const held = chat.messages.find((one) => one.client_id === clientId);
    if (held) return held;
    const base = { id: this.#nextMessage++, chat_id: chat.id, session_id: chat.id, seq: ++chat.seq, body, client_id: clientId };
    const one = message({ ...base, sender_type: "client", sender_id: 9, sender_name: null });
    chat.messages.push(one);
    this.tell(chat.id, { type: "chat.message", session_id: chat.id, seq: one.seq, data: one });
    return one;
  }

  #mark(chat: Chat, kind: "read" | "delivered", lastId: number): Mark {
    const upTo = chat.messages.find((one) => one.id === lastId)?.seq ?? 0;
    if (upTo === 0) this.complaints.push(`a mark at ${lastId}`);
    const held = chat.marks.find((one) => one.reader_type === "client") ?? mark({ reader_type: "client", reader_id: 9 });
    const raised = {
      ...held,
      delivered_seq: Math.max(held.delivered_seq, upTo),
      read_seq: kind === "read" ? Math.max(held.read_seq, upTo) : held.read_seq,
    };
    chat.marks = [...chat.marks.filter((one) => one !== held), raised];
    return raised;
  }

  async #stream(query: URLSearchParams, signal: AbortSignal | null): Promise<Response> {
    if (this.blocked.has("sse")) throw new TypeError("fetch failed");
    const chat = this.admitted(query);
    if (!chat) return this.#refusal({ status: 401, code: "unauthorized" });
    const write = new TextEncoder();
    let listener: Listener;
    const body = new ReadableStream<Uint8Array>({
      start: (out) => {
        const put = (text: string) => out.enqueue(write.encode(text));
        listener = {
          chat,
          how: "sse",
          tell: (frame) => put(`id: 1:1\ndata: ${JSON.stringify(frame)}\n\n`),
          close: (code, reason) => {
            this.listeners.delete(listener);
            if (code > 0) put(`event: close\ndata: ${JSON.stringify({ code, reason })}\n\n`);
            out.close();
          },
        };
        this.listeners.add(listener);
        put("retry: 1000\n\n: comment\n\n");
        for (const frame of this.greet(chat, after(query))) listener.tell(frame);
        signal?.addEventListener("abort", () => this.listeners.delete(listener));
      },
      cancel: () => void this.listeners.delete(listener),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  async #poll(query: URLSearchParams, body: Record<string, unknown>, signal: AbortSignal | null): Promise<Response> {
    if (this.blocked.has("polling")) throw new TypeError("fetch failed");
    const chat = this.admitted(query);
    if (!chat) return this.#refusal({ status: 401, code: "unauthorized" });
    if (body.session_id !== chat.id || typeof body.wait !== "number") this.complaints.push(`a poll of ${JSON.stringify(body)}`);
    const seq = (body.cursors as Record<string, number> | undefined)?.[chat.id];
    const frames = this.greet(chat, seq === undefined ? null : { epoch: Number(body.epoch), seq });
    if (frames.length > 1 || seq === undefined || body.wait === 0) return json(200, { frames, close: null });
    return new Promise((resolve, reject) => {
      const answer = (more: ServerFrame[], close: unknown) => {
        this.listeners.delete(listener);
        clearTimeout(timer);
        resolve(json(200, { frames: [...frames, ...more], close }));
      };
      const listener: Listener = {
        chat,
        how: "polling",
        tell: (frame) => answer([frame], null),
        close: (code, reason) => (code > 0 ? answer([], { code, reason }) : reject(new TypeError("fetch failed"))),
      };
      const timer = setTimeout(() => answer([], null), Number(body.wait) * 1_000);
      this.listeners.add(listener);
      signal?.addEventListener("abort", () => {
        this.listeners.delete(listener);
        clearTimeout(timer);
        reject(new TypeError("aborted"));
      });
    });
  }

  #chat(id: number): Chat {
    const chat = this.chats.get(id);
    if (!chat) throw new Error(`there is no session ${id}`);
    return chat;
  }

  #refusal({ status, code, details = {} }: Refusal): Response {
    return json(status, { error: { code, message: `refused: ${code}`, details } });
  }
}

function after(query: URLSearchParams): { epoch: number; seq: number } | null {
  const [epoch, seq] = query.get("after")?.split(":").map(Number) ?? [];
  return epoch === undefined || seq === undefined ? null : { epoch, seq };
}

/** A class of sockets that lead to this server. */
function socketsOf(server: FakeServer): typeof WebSocket {
  class FakeSocket {
    readyState = 0;
    onmessage: ((event: { data: string }) => void) | null = null;
    onclose: ((event: { code: number; reason: string }) => void) | null = null;
    #chat: Chat | null = null;
    #listener: Listener | null = null;

    constructor(url: string) {
      const { searchParams, protocol } = new URL(url);
      if (!protocol.startsWith("ws")) server.complaints.push(`a socket to ${url}`);
      server.calls.push("WS");
      setTimeout(() => this.#open(searchParams), 0);
    }

    #open(query: URLSearchParams) {
      if (this.readyState === 3) return;
      const chat = server.isDown || server.blocked.has("websocket") ? null : server.admitted(query);
      if (!chat) return this.#gone(1006, "");
      this.readyState = 1;
      this.#chat = chat;
      this.#listener = {
        chat,
        how: "websocket",
        tell: (frame) => this.#tell(frame),
        close: (code, reason) => this.#gone(code || 1006, reason),
      };
      server.listeners.add(this.#listener);
      for (const frame of server.greet(chat, after(query))) this.#tell(frame);
    }

    #tell(frame: ServerFrame) {
      const data = JSON.stringify(frame);
      setTimeout(() => {
        if (!server.isSilent && this.readyState === 1) this.onmessage?.({ data });
      }, 0);
    }

    send(text: string) {
      if (this.readyState !== 1) throw new Error("the socket is not open");
      if (server.isSilent || !this.#chat) return;
      const answer = server.take(this.#chat, JSON.parse(text) as ClientFrame);
      if (answer) this.#tell(answer);
    }

    close() {
      if (this.#listener) server.listeners.delete(this.#listener);
      this.readyState = 3;
    }

    #gone(code: number, reason: string) {
      if (this.readyState === 3) return;
      this.close();
      this.onclose?.({ code, reason });
    }
  }
  return FakeSocket as unknown as typeof WebSocket;
}
