// The machine is walked without a clock or a network: events in, effects out.
import { describe, expect, test } from "vitest";
import { backoff } from "../src/connection/backoff.ts";
import { IDLE, step, type Effect, type Event, type Machine, type Timer } from "../src/connection/machine.ts";
import { CLOSE_CODES } from "../src/protocol/close_codes.ts";
import type { End } from "../src/transport/transport.ts";

/** A machine with the time of the test, and what the last event had done. */
class Bench {
  machine: Machine = IDLE;
  effects: Effect[] = [];
  now = 1_000_000;
  random = 0.5;
  timers = new Map<Timer, number>();

  send(event: Event): this {
    [this.machine, this.effects] = step(this.machine, event, { now: this.now, random: this.random });
    for (const effect of this.effects) {
      if (effect.do === "set") this.timers.set(effect.timer, this.now + effect.ms);
      if (effect.do === "clear") this.timers.delete(effect.timer);
    }
    return this;
  }

  /** Lets time go, with the timers that are due. */
  pass(ms: number): this {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(([, at]) => at <= end).sort((a, b) => a[1] - b[1])[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = due[1];
      this.send({ type: "timer", timer: due[0] });
    }
    this.now = end;
    return this;
  }

  live(): this {
    return this.send({ type: "start" }).up();
  }

  up(): this {
    return this.send({ type: "connected" }).send({ type: "settled" });
  }

  end(end: Partial<End> = {}): this {
    return this.send({ type: "ended", code: 0, reason: "", retryAfterMs: 0, ...end });
  }

  /** A connection that stands for so long, with signs of life. */
  hold(ms: number): this {
    for (let passed = 0; passed < ms; passed += 1_000) this.send({ type: "heard" }).pass(1_000);
    return this;
  }

  /** To the end of the pause. */
  again(): this {
    return this.pass((this.machine.retryAt ?? this.now) - this.now);
  }

  get opened(): { transport: string; fresh: boolean } | null {
    const open = this.effects.find((effect) => effect.do === "open");
    return open?.do === "open" ? { transport: open.transport, fresh: open.fresh } : null;
  }

  get sent(): string[] {
    return this.effects.flatMap((effect) => (effect.do === "send" ? [effect.frame.type] : []));
  }
}

const bench = () => new Bench();

describe("the way to live", () => {
  test("idle, connecting, catching up, live, and idle again", () => {
    const at = bench();
    expect(at.machine.state).toBe("idle");
    expect(at.send({ type: "start" }).machine.state).toBe("connecting");
    expect(at.opened).toEqual({ transport: "websocket", fresh: false });
    expect(at.send({ type: "connected" }).machine.state).toBe("catching_up");
    expect(at.sent).toEqual(["ping"]);
    expect(at.send({ type: "settled" }).machine).toMatchObject({ state: "live", downSince: null });
    expect(at.send({ type: "stop" }).machine.state).toBe("idle");
    expect(at.timers.size).toBe(0);
  });

  test("a start that comes twice opens once", () => {
    expect(bench().send({ type: "start" }).send({ type: "start" }).opened).toBeNull();
  });

  test("a stream that says nothing of the end of what was missed is live after a second", () => {
    const at = bench().send({ type: "start" }).end().again().end().send({ type: "connected" });
    expect(at.machine).toMatchObject({ state: "catching_up", transport: "sse" });
    expect(at.pass(1_000).machine.state).toBe("live");
  });
});

describe("close codes", () => {
  const walk: Record<number, (at: Bench) => void> = {
    4001: (at) => expect(at.opened).toEqual({ transport: "websocket", fresh: true }),
    4002: (at) => waits(at, 500),
    4003: (at) => waits(at, 500),
    4004: (at) => waits(at, 500),
    4005: (at) => waits(at, 500),
    4006: (at) => waits(at, 10_000, 5_000),
    4007: (at) => waits(at, 500),
    4500: (at) => expect(at.opened).toEqual({ transport: "websocket", fresh: true }),
    4501: closed,
    4502: closed,
    4503: closed,
    4504: closed,
    4505: closed,
  };

  function waits(at: Bench, most: number, least = 0) {
    expect(at.machine).toMatchObject({ state: "waiting", downSince: at.now });
    const ms = (at.machine.retryAt ?? 0) - at.now;
    expect(ms).toBeGreaterThan(least);
    expect(ms).toBeLessThanOrEqual(most);
    expect(at.again().opened).toEqual({ transport: "websocket", fresh: false });
  }

  function closed(at: Bench) {
    expect(at.machine.state).toBe("closed");
    expect(at.timers.size).toBe(0);
    expect(at.effects.some((effect) => effect.do === "drop")).toBe(true);
    expect(at.send({ type: "wake", isNetwork: true }).machine.state).toBe("closed");
  }

  test("each row has its test", () => {
    expect(Object.keys(walk)).toEqual(Object.keys(CLOSE_CODES));
  });

  const codes = Object.keys(CLOSE_CODES).map(Number);

  test.each(codes)("%i", (code) => {
    const at = bench().live().hold(60_000);
    walk[code]?.(at.end({ code, reason: "why; retry_after_ms=5" }));
    if (code > 4500) expect(at.machine.closed).toEqual({ code, reason: "why" });
  });

  test.each(codes.filter((code) => ["again", "pause"].includes(CLOSE_CODES[code] ?? "")))(
    "%i waits as long as the server says, though the page wakes",
    (code) => {
      const at = bench().live().hold(60_000).end({ code, retryAfterMs: 30_000 });
      expect((at.machine.retryAt ?? 0) - at.now).toBeGreaterThanOrEqual(30_000);
      expect(at.send({ type: "wake", isNetwork: true }).machine.state).toBe("waiting");
      expect(at.again().machine.state).toBe("connecting");
    },
  );

  test("a token that is bad though it is fresh closes", () => {
    const at = bench().live().hold(60_000).end({ code: 4500, reason: "bad token" }).end({ code: 4500, reason: "bad token" });
    expect(at.machine.closed).toEqual({ code: 4500, reason: "bad token" });
    expect(at.send({ type: "start" }).opened).toEqual({ transport: "websocket", fresh: true });
  });

  test("a fresh token that expires at once does not go round without a pause", () => {
    const at = bench().live().hold(60_000).end({ code: 4001 });
    expect(at.up().end({ code: 4001 }).machine.state).toBe("waiting");
  });

  test("an unknown 45xx is final, an unknown 40xx is not", () => {
    expect(bench().live().end({ code: 4567 }).machine.state).toBe("closed");
    expect(bench().live().end({ code: 4067 }).machine.state).toBe("waiting");
  });
});

describe("tries", () => {
  test("the pause doubles up to 20 s and is random", () => {
    expect([0, 1, 2, 3, 4, 5, 6, 50].map((failures) => backoff(failures, 1))).toEqual([500, 1e3, 2e3, 4e3, 8e3, 16e3, 2e4, 2e4]);
    expect(backoff(6, 0)).toBeLessThan(backoff(6, 0.5));
  });

  test("a handshake that was refused unseen gets a fresh token", () => {
    const at = bench().send({ type: "start" }).end();
    expect(at.machine.state).toBe("waiting");
    expect(at.again().opened).toEqual({ transport: "websocket", fresh: true });
  });

  test("a server that is away is no reason for another transport: the token cannot be had either", () => {
    const at = bench().send({ type: "start" }).end();
    for (let round = 0; round < 10; round++) {
      at.again().send({ type: "refused", code: 4500, reason: "", isFinal: false, retryAfterMs: 0 });
    }
    expect(at.machine).toMatchObject({ state: "waiting", transport: "websocket" });
  });

  test("credentials that are refused close", () => {
    const at = bench().send({ type: "start" });
    at.send({ type: "refused", code: 4501, reason: "the client is banned", isFinal: true, retryAfterMs: 0 });
    expect(at.machine.closed).toEqual({ code: 4501, reason: "the client is banned" });
  });

  test("a connection that held is tried again soon, one that did not later and later", () => {
    const at = bench().live().hold(10_000).end();
    expect((at.machine.retryAt ?? 0) - at.now).toBeLessThanOrEqual(500);
    at.again().up().end({ code: 4005 });
    expect((at.machine.retryAt ?? 0) - at.now).toBeGreaterThan(500);
  });
});

describe("other transports", () => {
  /** Fails until this one is opened. */
  const until = (at: Bench, transport: string) => {
    for (let round = 0; round < 9; round++) {
      if (at.machine.state === "connecting" && at.machine.transport === transport) return at;
      if (at.machine.state === "waiting") at.again();
      else at.end();
    }
    throw new Error(`${transport} was not tried`);
  };

  test("WebSocket, then SSE, then polling, then from the beginning", () => {
    const at = bench().send({ type: "start" });
    until(at, "sse");
    expect(at.end().opened?.transport).toBe("polling");
    expect(at.end().machine.state).toBe("waiting");
    expect(at.again().opened?.transport).toBe("websocket");
  });

  test("a socket that opens and dies at once, again and again, is left too", () => {
    const at = bench().send({ type: "start" });
    at.up().end().again().up().end();
    expect(at.opened?.transport).toBe("sse");
  });

  test("a socket that says nothing is given up sooner", () => {
    const at = bench().send({ type: "start" }).pass(8_000);
    expect(at.machine).toMatchObject({ state: "connecting", transport: "sse" });
  });

  test("a code of the server is not the transport's fault", () => {
    const at = bench().send({ type: "start" });
    for (let round = 0; round < 9; round++) at.end({ code: 4005 }).again();
    expect(at.machine.transport).toBe("websocket");
  });

  test("a better one is tried after 1, 5 and 15 minutes, and what there was is back at once", () => {
    const at = until(bench().send({ type: "start" }), "polling").up();
    const pauses: number[] = [];
    for (let round = 0; round < 4; round++) {
      pauses.push((at.timers.get("better") ?? 0) - at.machine.connectedAt);
      at.now = at.timers.get("better") ?? 0;
      at.timers.delete("better");
      at.send({ type: "timer", timer: "better" });
      expect(at.opened?.transport).toBe("websocket");
      expect(at.end().opened?.transport).toBe("sse");
      expect(at.end().opened?.transport).toBe("polling");
      at.up();
    }
    expect(pauses).toEqual([60_000, 300_000, 900_000, 900_000]);
  });

  test("one that comes up stays", () => {
    const at = until(bench().send({ type: "start" }), "sse").up().hold(30_000).send({ type: "wake", isNetwork: true });
    expect(at.opened?.transport).toBe("websocket");
    expect(at.up().machine).toMatchObject({ state: "live", transport: "websocket", fallback: null });
    expect(at.timers.has("better")).toBe(false);
  });

  test("a stream that is silent for 40 s is dead, one with comments is not", () => {
    const at = until(bench().send({ type: "start" }), "sse").up();
    for (let round = 0; round < 3; round++) at.pass(15_000).send({ type: "heard" });
    expect(at.machine.state).toBe("live");
    at.timers.delete("better");
    expect(at.pass(46_000).machine.state).toBe("connecting");
  });

  test("a refusal of the page's origin closes", () => {
    const at = until(bench().send({ type: "start" }), "sse").end({ status: 403, reason: "pages of this origin are not allowed" });
    expect(at.machine.closed).toEqual({ code: 403, reason: "pages of this origin are not allowed" });
  });

  test("a refusal of a session that was just opened is final after 10 s, in which it is tried again", () => {
    const at = until(bench().send({ type: "start", patientMs: 10_000 }), "sse");
    const start = at.now;
    let tries = 0;
    while (at.machine.closed === null && tries < 50) {
      at.end(tries % 2 === 0 ? { status: 403, reason: "no right" } : { code: 4501, reason: "no right" });
      if (at.machine.closed === null) expect(at.machine).toMatchObject({ state: "waiting", transport: "websocket" });
      at.again();
      tries++;
    }
    expect(tries).toBeGreaterThan(5);
    expect(at.machine.closed?.reason).toBe("no right");
    expect(at.now - start).toBeGreaterThan(8_000);
    expect(at.now - start).toBeLessThan(13_000);
  });

  test("a right that is taken from one who was in is final at once", () => {
    const at = bench().send({ type: "start", patientMs: 10_000 }).up().end({ code: 4501, reason: "revoked" });
    expect(at.machine.closed).toEqual({ code: 4501, reason: "revoked" });
  });
});

describe("the pulse", () => {
  test("a socket that leaves a ping unanswered for 5 s is opened anew", () => {
    const at = bench().live();
    at.pass(20_000);
    expect(at.timers.has("pong")).toBe(true);
    at.pass(4_000).send({ type: "heard" });
    expect(at.timers.has("pong")).toBe(false);
    at.pass(25_000);
    expect(at.machine).toMatchObject({ state: "connecting", transport: "websocket" });
  });

  test.each([true, false])("the socket is asked at once when the page wakes (online: %s)", (isNetwork) => {
    const at = bench().live().send({ type: "wake", isNetwork });
    expect(at.sent).toEqual(["ping"]);
    expect(at.pass(5_000).machine.state).toBe("connecting");
  });

  test("a clock that jumps tells of sleep", () => {
    const at = bench().live().pass(5_000);
    at.now += 3_600_000;
    at.send({ type: "timer", timer: "tick" });
    expect(at.sent).toEqual(["ping"]);
  });

  test("a page that wakes does not wait", () => {
    const at = bench().live().hold(60_000).end().end();
    expect(at.machine.state).toBe("waiting");
    expect(at.send({ type: "wake" }).machine.state).toBe("connecting");
  });
});

describe("tokens", () => {
  test("a socket that stands gets a fresh token in time", () => {
    const at = bench().live().send({ type: "token", lifetimeMs: 900_000 });
    for (let round = 0; round < 143; round++) at.pass(5_000).send({ type: "heard" });
    expect(at.effects.some((effect) => effect.do === "renew")).toBe(false);
    at.timers.delete("tick");
    at.pass(5_000);
    expect(at.effects).toEqual([{ do: "renew" }]);
  });

  test("a renewal that fails is tried again, and the connection stays", () => {
    const at = bench().live().send({ type: "refused", code: 4500, reason: "", isFinal: false, retryAfterMs: 0 });
    expect(at.machine.state).toBe("live");
    expect(at.timers.has("renew")).toBe(true);
  });

  test("no timer is longer than a browser can bear", () => {
    const at = bench().live().send({ type: "token", lifetimeMs: 1e12 });
    expect((at.timers.get("renew") ?? 0) - at.now).toBe(2 ** 31 - 1);
  });
});

test("a random walk never throws, never opens two, and always goes on", () => {
  const timers: Timer[] = ["retry", "deadline", "tick", "pong", "settle", "better", "renew"];
  const events: (() => Event)[] = [
    () => ({ type: "connected" }),
    () => ({ type: "settled" }),
    () => ({ type: "heard" }),
    () => ({ type: "wake", isNetwork: Math.random() < 0.5 }),
    () => ({ type: "refused", code: 4500, reason: "", isFinal: false, retryAfterMs: 0 }),
    () => ({ type: "token", lifetimeMs: 1e6 }),
    () => ({ type: "timer", timer: timers[Math.floor(Math.random() * timers.length)] ?? "tick" }),
    () => ({ type: "ended", code: [0, 4001, 4002, 4004, 4006][Math.floor(Math.random() * 5)] ?? 0, reason: "", retryAfterMs: 0 }),
  ];
  const at = bench().send({ type: "start" });
  for (let round = 0; round < 20_000; round++) {
    const event = events[Math.floor(Math.random() * events.length)]?.() ?? { type: "heard" };
    if (event.type === "timer" && !at.timers.delete(event.timer)) continue;
    at.now += Math.random() * 3_000;
    at.random = Math.random();
    at.send(event);
    const { state } = at.machine;
    expect(at.effects.filter((effect) => effect.do === "open").length).toBeLessThanOrEqual(1);
    const goesOn = { connecting: "deadline", catching_up: "tick", live: "tick", waiting: "retry" } as const;
    expect(state).toBeOneOf(Object.keys(goesOn));
    if (state in goesOn) expect(at.timers.has(goesOn[state as keyof typeof goesOn])).toBe(true);
    expect(at.machine.downSince === null).toBe(state === "live");
  }
});
