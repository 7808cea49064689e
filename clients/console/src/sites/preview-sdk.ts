/** What the widget's panel finds in the SDK's place in a preview: a site as the form says, nobody's conversation, no connection. */
import type { SiteConfig, Visitor, VisitorSnapshot } from "../../../sdk/src/visitor/api.ts";

export type Shown = SiteConfig;

let site: SiteConfig | null = null;
const listeners = new Set<() => void>();
let snapshot: VisitorSnapshot = make();

function make(): VisitorSnapshot {
  return {
    connection: { state: "idle", transport: null, downSince: null, retryAt: null, closed: null },
    site,
    conversations: [],
    currentId: null,
    unread: 0,
    opening: false,
    problem: null,
    isLeader: false,
  };
}

/** The preview shows another site from now on. */
export function shown(next: SiteConfig): void {
  site = next;
  snapshot = make();
  for (const listener of listeners) listener();
}

export function visitor(): Visitor {
  const own = new Set<() => void>();
  return {
    snapshot: () => snapshot,
    subscribe(listener) {
      listeners.add(listener);
      own.add(listener);
      return () => listeners.delete(listener);
    },
    onMessage: () => () => undefined,
    loadSite: () => (site ? Promise.resolve(site) : Promise.reject(new Error("no site"))),
    start: () => undefined,
    select: () => undefined,
    look: () => undefined,
    send: () => undefined,
    retry: () => undefined,
    discard: () => undefined,
    typing: () => undefined,
    read: () => undefined,
    loadOlder: () => Promise.resolve(),
    loadConversations: () => Promise.resolve(),
    setProfile: () => Promise.resolve(),
    identify: () => Promise.resolve(),
    page: () => undefined,
    forget: () => undefined,
    destroy() {
      for (const listener of own) listeners.delete(listener);
    },
  };
}
