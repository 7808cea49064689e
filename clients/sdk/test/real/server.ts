// What the tests on a real server know of it. They run when SWITCHBOARD_URL is set:
//
//   SWITCHBOARD_URL=http://127.0.0.1:8080   the front address
//   SWITCHBOARD_BIN, DATABASE_URL           the program that makes accounts in that server's database (for members)
import { execFileSync } from "node:child_process";
import { vi } from "vitest";
import { visitor, type Visitor, type VisitorOptions } from "../../src/index.ts";
import { Memory } from "../support/memory.ts";

export const url = process.env.SWITCHBOARD_URL ?? "";
export const canMakeAccounts = url !== "" && Boolean(process.env.SWITCHBOARD_BIN);

/** Whether the server has a route that is newer than this SDK's committed document. */
export async function serves(path: string, init?: RequestInit): Promise<boolean> {
  if (url === "") return false;
  const answer = await fetch(url + path, init);
  const { error } = (await answer.json().catch(() => ({}))) as { error?: { message: string } };
  return !(answer.status === 404 && /path|route|no such address/i.test(error?.message ?? "path")) && answer.status !== 405;
}

export const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 15_000, interval: 20 });

let people = 0;

export interface Account {
  id: number;
  name: string;
  token(): Promise<string>;
  rest<T>(method: string, path: string, body?: unknown): Promise<T>;
}

export async function account(role: "user" | "operator"): Promise<Account> {
  const email = `${role}${++people}-${Date.now()}@example.com`;
  const name = `${role} ${people}`;
  const printed = admin("user", "add", "--email", email, "--name", name, "--role", role);
  const id = Number(/^id: (\d+)$/m.exec(printed)?.[1]);
  const password = /^password: (.+)$/m.exec(printed)?.[1];
  const login = await rest<{ access_token: string }>("POST", "/auth/login", { email, password });
  return {
    id,
    name,
    token: () => Promise.resolve(login.access_token),
    rest: (method, path, body) => rest(method, path, body, login.access_token),
  };
}

export const group = (...members: Account[]): number =>
  Number(/^id: (\d+)$/m.exec(admin("chat", "create", "--kind", "group", "--title", "Lunch", ...members.flatMap(({ id }) => ["--member", String(id)])))?.[1]);

export function admin(...args: string[]): string {
  return execFileSync(process.env.SWITCHBOARD_BIN ?? "", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

export async function rest<T>(method: string, path: string, body?: unknown, token?: string): Promise<T> {
  const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const answer = await fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

/** A page, with sockets that can be broken from outside. */
export class Page {
  readonly storage: Memory;
  readonly sockets: WebSocket[] = [];
  isOffline = false;
  blocked = new Set<string>();
  readonly visitor: Visitor;

  constructor(options: Partial<VisitorOptions> = {}, storage = new Memory()) {
    this.storage = storage;
    const made = this;
    class Tapped extends WebSocket {
      constructor(address: string | URL) {
        super(made.isOffline || made.blocked.has("websocket") ? "ws://127.0.0.1:9/" : address);
        made.sockets.push(this);
      }
    }
    this.visitor = visitor({
      url,
      site: "default",
      storage,
      tabs: false,
      WebSocket: Tapped,
      fetch: (input, init) => {
        const path = new URL(String(input)).pathname;
        if (this.isOffline || [...this.blocked].some((part) => path.endsWith(part))) return Promise.reject(new TypeError("offline"));
        return fetch(input, init);
      },
      ...options,
    });
  }

  /** The network goes; streams and sockets break. */
  cut(): void {
    for (const socket of this.sockets) socket.close();
  }

  get state(): string {
    return this.visitor.snapshot().connection.state;
  }

  get id(): number {
    return this.visitor.snapshot().currentId ?? 0;
  }

  get shown(): string[] {
    const { conversations, currentId } = this.visitor.snapshot();
    const messages = conversations.find(({ id }) => id === currentId)?.messages ?? [];
    return messages.map(({ body, tick }) => (tick ? `${body} (${tick})` : body));
  }
}
