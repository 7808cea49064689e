// The close codes of docs/protocol.md. A test compares this table with that page and walks the machine through each row.

/** How the machine comes back, or does not:
 * `renew`: at once, with a fresh token. `again`: after the usual pause. `pause`: after a longer pause.
 * `sign_in`: once more with fresh credentials, else closed. `stop`: closed. */
export type CloseAction = "renew" | "again" | "pause" | "sign_in" | "stop";

export interface CloseCode {
  code: number;
  reason: string;
  isFinal: boolean;
  action: CloseAction;
}

const row = (code: number, reason: string, action: CloseAction): [number, CloseCode] => [
  code,
  { code, reason, action, isFinal: code >= 4500 },
];

export const CLOSE_CODES: ReadonlyMap<number, CloseCode> = new Map([
  row(4001, "token expired", "renew"),
  row(4002, "slow consumer", "again"),
  row(4003, "idle", "again"),
  row(4004, "restart", "again"),
  row(4005, "unavailable", "again"),
  row(4006, "rate limited", "pause"),
  row(4007, "scope changed", "again"),
  row(4500, "bad token", "sign_in"),
  row(4501, "revoked", "stop"),
  row(4502, "too many connections", "stop"),
  row(4503, "bad frame", "stop"),
  row(4504, "too large", "stop"),
  row(4505, "no init", "stop"),
]);

/** What to do after a code that may be none of ours: an unknown 45xx is final too, all else is a broken network. */
export const actionOf = (code: number): CloseAction =>
  CLOSE_CODES.get(code)?.action ?? (code >= 4500 && code < 4600 ? "stop" : "again");

/** The time that a close frame's reason gives, in ms. */
export const retryAfter = (reason: string): number => Number(/retry_after_ms=(\d+)/.exec(reason)?.[1] ?? 0);
