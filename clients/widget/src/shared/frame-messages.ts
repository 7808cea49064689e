/** What crosses between a page and the panel's iframe. Both ends check the other's origin and window. */
export interface FrameMessage {
  switchboard: string;
  values: unknown[];
}

export const PANEL_CALLS = ["shown", "page", "pageFocus", "identityChanged", "setAttributes", "track", "putBack"] as const;
export const HOST_CALLS = ["ready", "unread", "titleBadge", "preview", "open", "close", "remembers", "labels"] as const;

export function isFrameMessage(data: unknown): data is FrameMessage {
  if (typeof data !== "object" || data === null) return false;
  const { switchboard, values } = data as Record<string, unknown>;
  return typeof switchboard === "string" && Array.isArray(values);
}
