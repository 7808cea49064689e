// Drives the machine: executes its effects with real timers, transports and page events.
import { asApiError } from "../protocol/api_error.ts";
import type { ClientFrame, ServerFrame } from "../protocol/frames.ts";
import { openEventStream } from "../transport/event_stream.ts";
import { openPolling } from "../transport/polling.ts";
import type { Means, OpenTransport, Target, Transport, TransportName } from "../transport/transport.ts";
import { openWebSocket } from "../transport/websocket.ts";
import { IDLE, step, type Effect, type Event, type Machine } from "./machine.ts";
import { Timers } from "./timers.ts";

export interface ConnectionStatus {
  state: Machine["state"];
  transport: TransportName | null;
  /** Time (ms since 1970) since when nothing is live; null while live. */
  downSince: number | null;
  /** Time of the next try in `waiting`. */
  retryAt: number | null;
  /** Why it is closed for good. */
  closed: { code: number; reason: string } | null;
}

export interface Credentials {
  token: string;
  /** How long the token lives from now on; null where that is not known. */
  lifetimeMs: number | null;
}

/** What a connection asks of its owner, and what it tells. */
export interface Owner {
  /** A good token, and a new one if `fresh`. Throws an ApiError; of 401, 403 and 404 nothing better is expected. */
  credentials(fresh: boolean): Promise<Credentials>;
  target(token: string): Target;
  /** Comes before the machine has taken the frame in: what is sent here goes out first. */
  frame(frame: ServerFrame): void;
  changed(): void;
}

const OPEN: Record<TransportName, OpenTransport> = {
  websocket: openWebSocket,
  sse: openEventStream,
  polling: openPolling,
};

export class Connection {
  #owner: Owner;
  #means: Means;
  #machine: Machine = IDLE;
  #transport: Transport | null = null;
  #timers = new Timers();
  /** Counts tries: what an earlier one still says is not heard. */
  #run = 0;
  #unlisten: (() => void) | null = null;

  constructor(owner: Owner, means: Means) {
    this.#owner = owner;
    this.#means = means;
  }

  get status(): ConnectionStatus {
    const { state, transport, downSince, retryAt, closed } = this.#machine;
    const isAway = state === "idle" || state === "closed";
    return { state, transport: isAway ? null : transport, downSince, retryAt, closed };
  }

  get isUp(): boolean {
    const { state } = this.#machine;
    return state === "live" || state === "catching_up";
  }

  /** `patientMs`: for how long a missing right is no final word. */
  start(patientMs = 0): void {
    this.#unlisten ??= onWake((isNetwork) => this.#step({ type: "wake", isNetwork }));
    this.#step({ type: "start", patientMs });
  }

  stop(): void {
    this.#unlisten?.();
    this.#unlisten = null;
    this.#step({ type: "stop" });
  }

  /** False where the frame cannot be written on a socket now: REST is the other way. */
  send(frame: ClientFrame): boolean {
    return this.isUp && this.#transport?.send(frame) === true;
  }

  /** What `connected` allows before anything else: it goes out first. */
  sendFirst(frame: ClientFrame): boolean {
    return this.#transport?.send(frame) === true;
  }

  #step(event: Event): void {
    const before = this.#machine;
    const [machine, effects] = step(before, event, { now: Date.now(), random: Math.random() });
    this.#machine = machine;
    for (const effect of effects) this.#execute(effect);
    if (machine.state !== before.state || machine.retryAt !== before.retryAt) this.#owner.changed();
  }

  #execute(effect: Effect): void {
    switch (effect.do) {
      case "open":
        void this.#open(effect.transport, effect.fresh);
        return;
      case "drop":
        this.#run++;
        this.#transport?.close();
        this.#transport = null;
        return;
      case "send":
        this.#transport?.send(effect.frame);
        return;
      case "renew":
        void this.#renew();
        return;
      case "set":
        this.#timers.set(effect.timer, effect.ms, () => this.#step({ type: "timer", timer: effect.timer }));
        return;
      case "clear":
        this.#timers.clear(effect.timer);
    }
  }

  async #open(name: TransportName, fresh: boolean): Promise<void> {
    const run = this.#run;
    const tell = (event: Event) => {
      if (run === this.#run) this.#step(event);
    };
    const credentials = await this.#credentials(fresh, tell);
    if (!credentials) return;
    if (run !== this.#run) return;
    this.#transport = OPEN[name](
      this.#owner.target(credentials.token),
      {
        frame: (frame) => run === this.#run && this.#frame(frame),
        heard: () => tell({ type: "heard" }),
        settled: () => tell({ type: "settled" }),
        ended: (end) => tell({ type: "ended", ...end }),
      },
      this.#means,
    );
  }

  async #credentials(fresh: boolean, tell: (event: Event) => void): Promise<Credentials | null> {
    try {
      const credentials = await this.#owner.credentials(fresh);
      if (credentials.lifetimeMs !== null) tell({ type: "token", lifetimeMs: credentials.lifetimeMs });
      return credentials;
    } catch (cause) {
      const { status, message, retryAfterMs } = asApiError(cause);
      const isFinal = status === 401 || status === 403 || status === 404;
      tell({ type: "refused", code: status === 403 ? 4501 : 4500, reason: message, isFinal, retryAfterMs });
      return null;
    }
  }

  /** A fresh token for the socket that stands. */
  async #renew(): Promise<void> {
    const run = this.#run;
    const credentials = await this.#credentials(true, (event) => {
      if (run === this.#run) this.#step(event);
    });
    if (credentials && run === this.#run) this.send({ type: "auth", token: credentials.token });
  }

  #frame(frame: ServerFrame): void {
    const run = this.#run;
    this.#owner.frame(frame);
    // The owner may have closed it.
    if (run !== this.#run) return;
    if (frame.type === "ping") this.#transport?.send({ type: "pong" });
    if (frame.type === "connected") this.#step({ type: "connected" });
    else if (frame.type === "pong" || (frame.type === "resumed" && !frame.more)) this.#step({ type: "settled" });
    this.#step({ type: "heard" });
  }
}

/** Tells when the page is back, on the screen, out of the browser's cache or from sleep; and when its network changed. */
function onWake(listener: (isNetwork: boolean) => void): () => void {
  if (typeof document === "undefined") return () => undefined;
  const awake = () => {
    if (!document.hidden) listener(false);
  };
  const ended = new AbortController();
  // An offline browser leaves sockets and streams open in silence.
  for (const name of ["online", "offline"]) addEventListener(name, () => listener(true), ended);
  for (const name of ["visibilitychange", "resume"]) document.addEventListener(name, awake, ended);
  addEventListener("pageshow", awake, ended);
  return () => ended.abort();
}
