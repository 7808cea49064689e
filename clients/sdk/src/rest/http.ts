// REST calls: JSON both ways, one error shape, a deadline. An answer that is HTML, nothing or half is `unavailable`.
import { ApiError, unanswered } from "../protocol/api_error.ts";

export interface Call {
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  token?: string;
  body?: unknown;
}

/** Makes one call; throws {@link ApiError} alone. */
export type Http = <T>(path: string, call?: Call) => Promise<T>;

const DEADLINE_MS = 20_000;

export function http(base: string, fetcher: typeof fetch): Http {
  return async <T>(path: string, { method = "GET", token, body }: Call = {}) => {
    const headers: Record<string, string> = { accept: "application/json" };
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    const answer = await fetcher(address(base, path), {
      method,
      headers,
      credentials: "omit",
      cache: "no-store",
      signal: AbortSignal.timeout(DEADLINE_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => Promise.reject(unanswered()));
    if (answer.status === 204) return undefined as T;
    const json = await jsonOf(answer);
    if (answer.ok && typeof json === "object" && json !== null) return json as T;
    throw refusal(answer, json);
  };
}

/** What an answer holds; undefined where that is no JSON. */
export const jsonOf = (answer: Response): Promise<unknown> => answer.json().catch(() => undefined);

/** What a refusal says; `unavailable` where it is not in the protocol's shape. */
export function refusal(answer: Response, json: unknown): ApiError {
  const error = (json as { error?: { code?: unknown; message?: unknown; details?: unknown } } | undefined)?.error;
  if (typeof error?.code !== "string") return unanswered(answer.status);
  const details = { retry_after: answer.headers.get("retry-after") ?? 0, ...(error.details as object | undefined) };
  return new ApiError(answer.status, { code: error.code, message: String(error.message), details });
}

/** The server may lie under a path of its own. */
export const address = (base: string, path: string): string => `${base.replace(/\/+$/, "")}${path}`;

export function query(path: string, values: Record<string, string | number | null | undefined>): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}
