// The close codes of docs/protocol.md. A test compares this table with that page and walks the machine through each row.

/** How the machine comes back, or does not:
 * `renew`: at once, with a fresh token. `again`: after the usual pause. `pause`: after a longer pause.
 * `sign_in`: once more with fresh credentials, else closed. `stop`: closed. */
export type CloseAction = "renew" | "again" | "pause" | "sign_in" | "stop";

export const CLOSE_CODES: Readonly<Record<number, CloseAction>> = {
  4001: "renew", // token expired
  4002: "again", // slow consumer
  4003: "again", // idle
  4004: "again", // restart
  4005: "again", // unavailable
  4006: "pause", // rate limited
  4007: "again", // scope changed
  4500: "sign_in", // bad token
  4501: "stop", // revoked
  4502: "stop", // too many connections
  4503: "stop", // bad frame
  4504: "stop", // too large
  4505: "stop", // no init
};

/** 45xx is final, also one that is newer than this table; all else that is not known is a broken network. */
export const isFinal = (code: number): boolean => code >= 4500 && code < 4600;

export const actionOf = (code: number): CloseAction => CLOSE_CODES[code] ?? (isFinal(code) ? "stop" : "again");

/** The time that a close frame's reason gives, in ms. */
export const retryAfter = (reason: string): number => Number(/retry_after_ms=(\d+)/.exec(reason)?.[1] ?? 0);
