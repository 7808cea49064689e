/** The names of operators and sites, from the server and from the cache. */
import { type Signal, signal } from "@preact/signals";
import { type MemberClient, query, type Workspace } from "@switchboard/sdk";

export type Site = Workspace["sites"][number];
export type Person = Workspace["users"][number];

export interface Names {
  version: number;
  epoch: number;
  sites: readonly Site[];
  people: readonly Person[];
}

const AGAIN_MS = 3_000;

export class Directory {
  readonly names: Signal<Names | null> = signal<Names | null>(null);
  #client: MemberClient;
  #isBusy = false;
  #wanted = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  #read: () => void;

  /** `read` is called after each word of the server. */
  constructor(client: MemberClient, read: () => void) {
    this.#client = client;
    this.#read = read;
  }

  site(id: number): Site | undefined {
    return this.names.value?.sites.find((site) => site.id === id);
  }

  siteByKey(key: string): Site | undefined {
    return this.names.value?.sites.find((site) => site.key === key);
  }

  person(id: number): Person | undefined {
    return this.names.value?.people.find((one) => one.id === id);
  }

  /** All of it: after a break the operator may work in other sites. */
  whole(): void {
    void this.#load(undefined);
  }

  changed(version: number): void {
    this.#wanted = Math.max(this.#wanted, version);
    const held = this.names.peek();
    if (held && version > held.version) void this.#load(held.version);
  }

  async #load(since: number | undefined): Promise<void> {
    if (this.#isBusy || this.#isOver) return;
    this.#isBusy = true;
    clearTimeout(this.#timer);
    try {
      const held = since === undefined ? null : this.names.peek();
      const sites = new Map((held?.sites ?? []).map((site) => [site.id, site]));
      const people = new Map((held?.people ?? []).map((one) => [one.id, one]));
      for (let from = since; ; ) {
        const page: Workspace = await this.#client.call<Workspace>(query("/workspace", { since: from, limit: 200 }));
        if (page.is_whole && from === since) {
          sites.clear();
          people.clear();
        }
        for (const site of page.sites) sites.set(site.id, site);
        for (const one of page.users) people.set(one.id, one);
        from = page.version;
        if (page.has_more) continue;
        this.names.value = { version: page.version, epoch: page.epoch, sites: [...sites.values()], people: [...people.values()] };
        break;
      }
      this.#read();
    } catch {
      if (!this.#isOver) this.#timer = setTimeout(() => void this.#load(since), AGAIN_MS);
    } finally {
      this.#isBusy = false;
    }
    if (this.#wanted > (this.names.peek()?.version ?? 0) && this.names.peek()) this.changed(this.#wanted);
  }

  stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
  }
}
