/** An operator, by REST. */
import { until, SOON_MS } from "../wait.ts";
import type { Server } from "./server.ts";

export interface Message {
  id: number;
  seq: number;
  body: string;
  sender_type: string;
}
interface Session {
  session_id: number;
  client: { page_url: string | null };
}

export class Operator {
  #server: Server;
  #token = "";
  #login: { email: string; password: string };

  private constructor(server: Server, email: string, password: string) {
    this.#server = server;
    this.#login = { email, password };
  }

  static async signIn(server: Server, name: string): Promise<Operator> {
    const email = `operator-${crypto.randomUUID()}@example.com`;
    const printed = server.admin("user", "add", "--email", email, "--name", name, "--role", "operator");
    const operator = new Operator(server, email, /^password: (.+)$/m.exec(printed)?.[1] ?? "");
    const { access_token } = await operator.rest<{ access_token: string }>("POST", "/auth/login", operator.#login);
    operator.#token = access_token;
    return operator;
  }

  async rest<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { "content-type": "application/json", ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}) };
    const answer = await fetch(this.#server.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  messages = async (session: number): Promise<Message[]> =>
    (await this.rest<{ messages: Message[] }>("GET", `/chat/session/${session}/messages?limit=200`)).messages;
  say = (session: number, body: string, client_id: string = crypto.randomUUID()): Promise<Message> =>
    this.rest("POST", `/chat/session/${session}/messages`, { body, client_id });
  mark = (session: number, kind: "delivered" | "read", last_id: number): Promise<void> =>
    this.rest("POST", `/chat/session/${session}/marks`, { kind, last_id });

  /** As a client that does not give up: the same message until the server has said that it has it. */
  async sayInAnyCase(session: number, body: string): Promise<void> {
    const client_id = crypto.randomUUID();
    await until(`the server takes "${body}"`, 60_000, async () => {
      await this.say(session, body, client_id);
      return true;
    });
  }

  /** The session in which a visitor wrote that. */
  async sessionWith(text: string): Promise<number> {
    let found = 0;
    await until(`"${text}" reaches the operator`, SOON_MS, async () => {
      const { sessions } = await this.rest<{ sessions: Session[] }>("GET", "/chat/sessions?limit=8");
      for (const { session_id } of sessions)
        if ((await this.messages(session_id)).some(({ body }) => body === text)) found = session_id;
      return found !== 0;
    });
    return found;
  }

  /** The newest session of a visitor on that page. */
  async sessionOf(address: string): Promise<number> {
    let found = 0;
    await until(`a session on ${address}`, SOON_MS, async () => {
      const { sessions } = await this.rest<{ sessions: Session[] }>("GET", "/chat/sessions?limit=8");
      found = sessions.find(({ client }) => client.page_url === address)?.session_id ?? 0;
      return found !== 0;
    });
    return found;
  }
}
