/** The part of `GET /chat/sites/{key}` that the launcher needs. */
export interface LauncherSite {
  color: string | null;
  position: "left" | "right";
}

export type SiteAnswer = { site: LauncherSite } | { refused: string } | { unavailable: true };

/** Reads the site's settings: no credentials, no storage. */
export async function readSite(server: string, key: string): Promise<SiteAnswer> {
  const request: RequestInit = { credentials: "omit", headers: { accept: "application/json" } };
  try {
    const answer = await fetch(`${server}chat/sites/${encodeURIComponent(key)}`, request);
    if (answer.ok) return parseSite(await answer.json());
    if (answer.status === 403) {
      return {
        refused: `the site "${key}" does not allow pages of ${location.origin}. Add this origin to the site's allowed origins.`,
      };
    }
    if (answer.status === 404) return { refused: `there is no site with the key "${key}". Check data-site.` };
  } catch {
    // No network, or an answer that is no JSON: tried again later.
  }
  return { unavailable: true };
}

function parseSite(json: unknown): SiteAnswer {
  if (typeof json !== "object" || json === null) return { unavailable: true };
  const { color, position } = json as Record<string, unknown>;
  return {
    site: { color: typeof color === "string" ? color : null, position: position === "left" ? "left" : "right" },
  };
}
