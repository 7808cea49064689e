import type { Side } from "../shared/bridge.ts";

/** The part of `GET /chat/sites/{key}` that the launcher needs. */
export interface LauncherSite {
  color?: string;
  position?: Side;
}

/** Reads the site's settings, without credentials: words where the widget may not be here, null where no good answer came. */
export async function readSite(server: string, key: string): Promise<LauncherSite | string | null> {
  try {
    const answer = await fetch(`${server}chat/sites/${encodeURIComponent(key)}`, { credentials: "omit" });
    if (answer.status === 403) {
      const { origin } = location;
      return `the site "${key}" does not allow pages of ${origin}. Allow them: make admin ARGS="site allow --key ${key} --origin ${origin}" (see docs/widget.md).`;
    }
    if (answer.status === 404) return `there is no site "${key}".`;
    if (answer.ok) return (await answer.json()) as LauncherSite;
  } catch {
    // No network, or an answer that is no JSON: asked again later.
  }
  return null;
}
