/** An operator on a running server, by REST and by the channel. */
import { execFileSync } from "node:child_process";

interface Session {
  session_id: number;
  status: string;
  client: { name: string | null; email: string | null; page_url: string | null };
}
export interface Message {
  id: number;
  body: string;
  sender_type: string;
}

let people = 0;

export class Operator {
  #server: string;
  #token: string;

  constructor(server: string, token: string) {
    this.#server = server;
    this.#token = token;
  }

  /** Makes an account with SWITCHBOARD_BIN, in the database of DATABASE_URL. */
  static async signIn(server: string, name = "Olivia Park"): Promise<Operator> {
    const email = `operator-${process.pid}-${++people}-${Date.now()}@example.com`;
    const printed = execFileSync(process.env["SWITCHBOARD_BIN"] ?? "", ["user", "add", "--email", email, "--name", name, "--role", "operator"], { encoding: "utf8" });
    const password = /^password: (.+)$/m.exec(printed)?.[1];
    const answer = await fetch(`${server}/auth/login`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ email, password }) });
    return new Operator(server, ((await answer.json()) as { access_token: string }).access_token);
  }

  async rest<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const answer = await fetch(this.#server + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  session = (id: number): Promise<Session> => this.rest("GET", `/chat/session/${id}`);
  say = (id: number, body: string): Promise<Message> => this.rest("POST", `/chat/session/${id}/messages`, { body, client_id: crypto.randomUUID() });
  messages = async (id: number): Promise<Message[]> => (await this.rest<{ messages: Message[] }>("GET", `/chat/session/${id}/messages?limit=200`)).messages;
  mark = (id: number, kind: "delivered" | "read", lastId: number): Promise<void> => this.rest("POST", `/chat/session/${id}/marks`, { kind, last_id: lastId });

  /** A live connection, which is what makes the site be there. */
  async connect(): Promise<WebSocket> {
    const socket = new WebSocket(`${this.#server.replace(/^http/, "ws")}/channel/ws?type=staff&access_token=${this.#token}`);
    await new Promise((resolve, reject) => {
      socket.addEventListener("message", resolve, { once: true });
      socket.addEventListener("close", () => reject(new Error("the channel closed")), { once: true });
    });
    return socket;
  }
}
