// The tabs of one browser: one leads and has the connection, the others hear from it. The lead is a Web Lock, which the
// browser gives to the next tab the moment its holder dies. Without locks or channels each tab is by itself, and leads.

export interface TabEvents<M> {
  message(message: M): void;
  /** This tab leads from now on. */
  lead(): void;
  /** Another tab took the lead, since this one did not answer: it was asleep. */
  lost(): void;
}

export class Tabs<M> {
  #name: string;
  #events: TabEvents<M>;
  #canShare: boolean;
  #channel: BroadcastChannel | null = null;
  #release: (() => void) | null = null;
  #waiting: AbortController | null = null;

  constructor(name: string, isWanted: boolean, events: TabEvents<M>) {
    this.#name = name;
    this.#events = events;
    this.#canShare = isWanted && typeof BroadcastChannel === "function" && lockManager() !== undefined;
  }

  get isLeader(): boolean {
    return this.#release !== null;
  }

  /** Hears the others, without asking for the lead. */
  listen(): void {
    if (!this.#canShare || this.#channel) return;
    try {
      this.#channel = new BroadcastChannel(this.#name);
    } catch {
      this.#canShare = false;
      return;
    }
    this.#channel.onmessage = ({ data }: MessageEvent<M>) => this.#events.message(data);
    // In Node an open channel would keep the program running.
    (this.#channel as { unref?: () => void }).unref?.();
  }

  post(message: M): void {
    this.#channel?.postMessage(message);
  }

  /** Asks for the lead, and has it some time; at once, if it is taken from a tab that sleeps. */
  join(steal = false): void {
    if (this.isLeader || (this.#waiting && !steal)) return;
    this.#waiting?.abort();
    const waiting = (this.#waiting = new AbortController());
    const { signal } = waiting;
    const lead = (release: () => void) => {
      this.#release = release;
      this.#events.lead();
    };
    this.listen();
    if (!this.#canShare) {
      lead(() => undefined);
      return;
    }
    const held = () => new Promise<void>((release) => (signal.aborted ? release() : lead(release)));
    lockManager()
      ?.request(this.#name, steal ? { steal } : { signal }, held)
      .catch((error: unknown) => {
        if (this.#waiting !== waiting) return;
        // Frames of other sites and some private windows are denied locks: such a tab is by itself.
        if (!this.isLeader) this.#canShare = (error as Error).name === "AbortError";
        this.#waiting = this.#release = null;
        this.#events.lost();
        this.join();
      });
  }

  /** Gives the lead to the next tab. */
  leave(): void {
    this.#waiting?.abort();
    this.#release?.();
    this.#channel?.close();
    this.#waiting = this.#release = this.#channel = null;
  }

  /** Runs alone among the tabs. */
  async alone<T>(what: string, run: () => Promise<T>): Promise<T> {
    const locks = this.#canShare ? lockManager() : undefined;
    if (!locks) return run();
    let isRunning = false;
    const running = async () => {
      isRunning = true;
      return run();
    };
    return locks.request(`${this.#name}:${what}`, running).catch((error: unknown) => {
      if (isRunning) throw error;
      return run();
    }) as Promise<T>;
  }
}

const lockManager = (): LockManager | undefined =>
  typeof navigator === "undefined" ? undefined : (navigator as { locks?: LockManager }).locks;
