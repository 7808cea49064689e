import type { ErrorBody } from "./frames.ts";

/** A refusal in the protocol's error shape. `status` is 0 where there was no answer, or one that is not ours. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(status: number, body: Pick<ErrorBody, "message" | "details"> & { code: string }) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.details = body.details ?? {};
  }

  /** The time to wait before the next try, in ms; 0 where none is given. */
  get retryAfterMs(): number {
    const { retry_after_ms: ms, retry_after: seconds } = this.details;
    return Number(ms ?? 0) || Number(seconds ?? 0) * 1000 || 0;
  }
}

/** Codes after which the same request may succeed later. All others are answers that stay. */
const PASSING = new Set(["rate_limited", "internal", "unavailable", "token_expired", "unauthorized"]);
export const isPassing = (code: string): boolean => PASSING.has(code);

/** The error of a request that had no usable answer. */
export const unanswered = (status = 0): ApiError =>
  new ApiError(status, { code: "unavailable", message: "the server does not answer" });

export const asApiError = (error: unknown): ApiError => (error instanceof ApiError ? error : unanswered());
