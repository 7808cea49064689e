// The one state machine of a connection, without a clock, a network or luck: `step` takes the time and a random number
// with each event, and gives back what is to be done.
//
//   idle -> connecting -> catching_up -> live -> waiting -> connecting -> …
//                                                       \-> closed (a final code, or credentials that are refused)
import { actionOf } from "../protocol/close_codes.ts";
import type { ClientFrame } from "../protocol/frames.ts";
import { TRANSPORTS, type End, type TransportName } from "../transport/transport.ts";
import { backoff } from "./backoff.ts";

export type ConnectionState = "idle" | "connecting" | "catching_up" | "live" | "waiting" | "closed";

/** `retry`: end of a pause. `deadline`: no `connected` came. `tick`: the pulse. `pong`: no answer came.
 * `settle`: a stream that cannot say that what was missed is out. `better`: a better transport is tried. `renew`: the token ages. */
export type Timer = "retry" | "deadline" | "tick" | "pong" | "settle" | "better" | "renew";

export interface Machine {
  readonly state: ConnectionState;
  readonly transport: TransportName;
  /** Since when nothing is live. */
  readonly downSince: number | null;
  readonly retryAt: number | null;
  readonly closed: { code: number; reason: string } | null;
  /** Failures in a row, for the pause before the next try. */
  readonly failures: number;
  /** Tries in a row in which this transport did not hold. */
  readonly misses: number;
  /** Transports that have held on this page. */
  readonly held: readonly TransportName[];
  /** The transport to fall back to while a better one is tried. */
  readonly fallback: TransportName | null;
  /** Tries of a better transport that failed. */
  readonly trials: number;
  /** The next try needs a fresh token. */
  readonly needsFresh: boolean;
  /** The present try has a fresh token. */
  readonly isFresh: boolean;
  /** Until then a right that is missing may be one that has not reached every part of the server yet. */
  readonly patientUntil: number;
  /** The server asked not to come before this time. */
  readonly notBefore: number;
  readonly connectedAt: number;
  readonly heardAt: number;
  readonly tickedAt: number;
  readonly pingedAt: number;
}

export type Event =
  /** `patientMs`: for how long a missing right is no final word. */
  | { type: "start"; patientMs?: number }
  | { type: "stop" }
  | { type: "connected" }
  | { type: "settled" }
  | { type: "heard" }
  | ({ type: "ended" } & End)
  /** Credentials could not be had: for now, or for good. */
  | { type: "refused"; code: number; reason: string; isFinal: boolean; retryAfterMs: number }
  /** A token was got that lives so long. */
  | { type: "token"; lifetimeMs: number }
  | { type: "timer"; timer: Timer }
  /** The page came back, to the screen or from sleep; or its network changed. */
  | { type: "wake"; isNetwork?: boolean };

export type Effect =
  | { do: "open"; transport: TransportName; fresh: boolean }
  | { do: "drop" }
  | { do: "send"; frame: ClientFrame }
  | { do: "renew" }
  | { do: "set"; timer: Timer; ms: number }
  | { do: "clear"; timer: Timer };

export interface Now {
  now: number;
  random: number;
}

type Step = [Machine, Effect[]];

const CONNECT_MS = 8_000;
const TRIAL_MS = 4_000;
const TICK_MS = 5_000;
const PING_MS = 20_000;
const PONG_MS = 5_000;
const SETTLE_MS = 1_000;
/** A connection that ends sooner did not hold. */
const HOLDS_MS = 5_000;
/** A tick that comes so late tells of sleep. */
const SLEPT_MS = 15_000;
/** A stream has a comment every 15 s, a poll an answer every 25 s. */
const SILENT_MS = 40_000;
const PAUSE_MS = 5_000;
const RIGHT_MS = 1_000;
const BETTER_MS = [60_000, 300_000, 900_000];
const BETTER_SOON_MS = 10_000;
const RENEW_AGAIN_MS = 15_000;
/** Browsers take a longer timer for none. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const IDLE: Machine = {
  state: "idle",
  transport: "websocket",
  downSince: null,
  retryAt: null,
  closed: null,
  failures: 0,
  misses: 0,
  held: [],
  fallback: null,
  trials: 0,
  needsFresh: false,
  isFresh: false,
  patientUntil: 0,
  notBefore: 0,
  connectedAt: 0,
  heardAt: 0,
  tickedAt: 0,
  pingedAt: 0,
};

const ALL_TIMERS: readonly Timer[] = ["retry", "deadline", "tick", "pong", "settle", "better", "renew"];
const quiet = (): Effect[] => [{ do: "drop" }, ...ALL_TIMERS.map((timer): Effect => ({ do: "clear", timer }))];
const isUp = ({ state }: Machine): boolean => state === "live" || state === "catching_up";

export function step(machine: Machine, event: Event, at: Now): Step {
  switch (event.type) {
    case "start":
      if (machine.state !== "idle" && machine.state !== "closed") return [machine, []];
      return connect({
        ...machine,
        downSince: at.now,
        failures: 0,
        misses: 0,
        closed: null,
        patientUntil: at.now + (event.patientMs ?? 0),
      });
    case "stop":
      return machine.state === "idle" ? [machine, []] : [{ ...IDLE, held: machine.held }, quiet()];
    case "connected":
      return connected(machine, at);
    case "settled":
      return settled(machine);
    case "heard":
      return [{ ...machine, heardAt: at.now }, machine.state === "live" ? [{ do: "clear", timer: "pong" }] : []];
    case "ended":
      return ended(machine, event, at);
    case "refused":
      return refused(machine, event, at);
    case "token":
      return token(machine, event.lifetimeMs);
    case "timer":
      return timer(machine, event.timer, at);
    case "wake":
      return wake(machine, event.isNetwork === true, at);
  }
}

function connect(machine: Machine): Step {
  const { transport, needsFresh, fallback } = machine;
  const next: Machine = { ...machine, state: "connecting", retryAt: null, isFresh: needsFresh, needsFresh: false };
  return [
    next,
    [
      ...quiet(),
      { do: "set", timer: "deadline", ms: fallback ? TRIAL_MS : CONNECT_MS },
      { do: "open", transport, fresh: needsFresh },
    ],
  ];
}

function connected(machine: Machine, { now }: Now): Step {
  // Each poll begins with `connected`.
  if (machine.state !== "connecting") return [{ ...machine, heardAt: now }, []];
  const isSocket = machine.transport === "websocket";
  const next: Machine = {
    ...machine,
    state: "catching_up",
    connectedAt: now,
    heardAt: now,
    tickedAt: now,
    pingedAt: now,
    fallback: null,
    trials: isSocket ? 0 : machine.trials,
  };
  const effects: Effect[] = [
    { do: "clear", timer: "deadline" },
    { do: "set", timer: "tick", ms: TICK_MS },
  ];
  if (isSocket) {
    // Frames are served in order: the answer comes behind what was missed.
    effects.push({ do: "send", frame: { type: "ping" } });
  } else {
    effects.push({ do: "set", timer: "better", ms: untilBetter(next) });
    if (machine.transport === "sse") effects.push({ do: "set", timer: "settle", ms: SETTLE_MS });
  }
  return [next, effects];
}

function untilBetter({ held, trials }: Machine): number {
  if (held.includes("websocket") && trials === 0) return BETTER_SOON_MS;
  return BETTER_MS[Math.min(trials, BETTER_MS.length - 1)] ?? 0;
}

function settled(machine: Machine): Step {
  const clear: Effect = { do: "clear", timer: "pong" };
  if (machine.state !== "catching_up") return [machine, [clear]];
  return [{ ...machine, state: "live", downSince: null }, [clear, { do: "clear", timer: "settle" }]];
}

function ended(machine: Machine, end: End, at: Now): Step {
  if (machine.state !== "connecting" && !isUp(machine)) return [machine, []];
  const wasUp = isUp(machine);
  const held = hasHeld(machine, at);
  const down = taken(machine, at);
  const isForbidden = !wasUp && (end.status === 403 || end.code === 4501);
  if (isForbidden && at.now < machine.patientUntil) return wait({ ...down, transport: "websocket", misses: 0 }, at, RIGHT_MS);
  if (end.status === 403) return close(down, 403, end.reason);
  const isTold = end.code !== 0;
  // A script cannot see why a handshake was refused: it may have been the token.
  if (!isTold && !wasUp) return miss({ ...down, needsFresh: true }, end, at);
  if (!isTold && !held) return miss(down, end, at);
  const next: Machine = { ...down, misses: 0 };
  switch (actionOf(end.code)) {
    case "stop":
      return close(next, end.code, end.reason);
    case "sign_in":
      if (machine.isFresh) return close(next, end.code, end.reason);
      return connect({ ...next, needsFresh: true });
    case "renew":
      if (held || !machine.isFresh) return connect({ ...next, needsFresh: true });
      return wait({ ...next, needsFresh: true }, at, end.retryAfterMs);
    case "pause":
      return wait(next, at, Math.max(end.retryAfterMs, PAUSE_MS * (1 + at.random)));
    case "again":
      return wait(next, at, end.retryAfterMs);
  }
}

const hasHeld = (machine: Machine, { now }: Now): boolean => isUp(machine) && now - machine.connectedAt >= HOLDS_MS;

/** What is known once the connection is gone. */
function taken(machine: Machine, at: Now): Machine {
  const { transport, held } = machine;
  const down: Machine = { ...machine, downSince: machine.downSince ?? at.now };
  if (!hasHeld(machine, at)) return down;
  return { ...down, failures: 0, misses: 0, held: held.includes(transport) ? held : [...held, transport] };
}

/** The transport did not come up, or did not hold: after some tries the next one has its turn. */
function miss(machine: Machine, end: End, at: Now): Step {
  const { transport, fallback } = machine;
  const misses = machine.misses + (end.reason === "timeout" ? 2 : 1);
  if (fallback) return connect(afterTrial(machine, fallback));
  if (misses < patience(machine)) return wait({ ...machine, misses }, at, end.retryAfterMs);
  const index = (TRANSPORTS.indexOf(transport) + 1) % TRANSPORTS.length;
  const next: Machine = { ...machine, misses: 0, transport: TRANSPORTS[index] ?? "websocket" };
  // All three were tried: then it is the network or the server, and a pause is due.
  return index === 0 ? wait(next, at, end.retryAfterMs) : connect({ ...next, failures: next.failures + 1 });
}

/** A better one did not come up: the next one down to what was there before, which is opened at once. */
function afterTrial(machine: Machine, fallback: TransportName): Machine {
  const transport = TRANSPORTS[TRANSPORTS.indexOf(machine.transport) + 1] ?? fallback;
  const isBack = transport === fallback;
  return { ...machine, transport, fallback: isBack ? null : fallback, trials: machine.trials + (isBack ? 1 : 0), misses: 0 };
}

const patience = ({ held, transport }: Machine): number => {
  if (held.includes(transport)) return 3;
  return transport === "websocket" ? 2 : 1;
};

function wait(machine: Machine, { now, random }: Now, retryAfterMs: number): Step {
  const pause = backoff(machine.failures, random);
  const ms = retryAfterMs > 0 ? retryAfterMs + random * 500 : pause;
  const next: Machine = {
    ...machine,
    state: "waiting",
    downSince: machine.downSince ?? now,
    failures: machine.failures + 1,
    retryAt: now + ms,
    notBefore: retryAfterMs > 0 ? now + retryAfterMs : 0,
    fallback: null,
  };
  return [next, [...quiet(), { do: "set", timer: "retry", ms }]];
}

function close(machine: Machine, code: number, reason: string): Step {
  // What the server says when to come back is no part of why it is closed.
  const closed = { code, reason: reason.split(";")[0] ?? "" };
  return [{ ...machine, state: "closed", retryAt: null, needsFresh: code === 4500, closed }, quiet()];
}

function refused(machine: Machine, event: Extract<Event, { type: "refused" }>, at: Now): Step {
  if (isUp(machine)) return [machine, [{ do: "set", timer: "renew", ms: RENEW_AGAIN_MS }]];
  if (machine.state !== "connecting") return [machine, []];
  if (event.isFinal) return close(machine, event.code, event.reason);
  return wait({ ...machine, needsFresh: machine.isFresh || machine.needsFresh }, at, event.retryAfterMs);
}

/** Renewed with a fifth of its time left: never by the clock of the machine, which may be a day off. */
function token(machine: Machine, lifetimeMs: number): Step {
  const ms = Math.min(Math.max(lifetimeMs * 0.8, 1_000), LONGEST_TIMER_MS);
  return [machine, [{ do: "set", timer: "renew", ms }]];
}

function timer(machine: Machine, name: Timer, at: Now): Step {
  switch (name) {
    case "retry":
      return machine.state === "waiting" ? connect(machine) : [machine, []];
    case "deadline":
      return ended(machine, { code: 0, reason: "timeout", retryAfterMs: 0 }, at);
    case "pong":
      return lost(machine, at);
    case "settle":
      return settled(machine);
    case "better":
      return isUp(machine) ? better(machine, at) : [machine, []];
    case "renew":
      // A stream or a poll cannot take a fresh token: the close 4001 comes, and a reconnect with it.
      return [machine, machine.transport === "websocket" && isUp(machine) ? [{ do: "renew" }] : []];
    case "tick":
      return isUp(machine) ? tick(machine, at) : [machine, []];
  }
}

function tick(machine: Machine, at: Now): Step {
  const next: Machine = { ...machine, tickedAt: at.now };
  const again: Effect = { do: "set", timer: "tick", ms: TICK_MS };
  if (Math.abs(at.now - machine.tickedAt) > TICK_MS + SLEPT_MS) {
    const [woken, effects] = wake(next, false, at);
    return [woken, isUp(woken) ? [again, ...effects] : effects];
  }
  if (machine.transport !== "websocket") {
    return at.now - machine.heardAt > SILENT_MS ? lost(next, at) : [next, [again]];
  }
  if (at.now - machine.pingedAt < PING_MS) return [next, [again]];
  return ping(next, at, [again]);
}

function ping(machine: Machine, { now }: Now, effects: Effect[] = []): Step {
  const asked: Effect[] = [
    { do: "send", frame: { type: "ping" } },
    { do: "set", timer: "pong", ms: PONG_MS },
  ];
  return [{ ...machine, pingedAt: now }, [...effects, ...asked]];
}

/** The connection is dead though nothing closed it: the next one is opened at once. */
function lost(machine: Machine, at: Now): Step {
  if (!isUp(machine)) return [machine, []];
  return connect(taken(machine, at));
}

function better(machine: Machine, at: Now): Step {
  const { transport } = machine;
  if (transport === "websocket") return [machine, []];
  return connect({ ...taken(machine, at), transport: "websocket", fallback: transport, misses: 0 });
}

function wake(machine: Machine, isNetwork: boolean, at: Now): Step {
  if (machine.state === "waiting") {
    return at.now < machine.notBefore ? [machine, []] : connect({ ...machine, failures: 0 });
  }
  if (!isUp(machine)) return [machine, []];
  if (machine.transport === "websocket") return ping(machine, at);
  if (isNetwork) return better({ ...machine, trials: 0 }, at);
  return at.now - machine.heardAt > PING_MS ? lost(machine, at) : [machine, []];
}
