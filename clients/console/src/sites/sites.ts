import type { components } from "@switchboard/sdk";

export type Site = components["schemas"]["SiteView"];
export type Asks = components["schemas"]["Asks"];
export type Texts = components["schemas"]["SiteTexts"];

/** What a form changes of a site. */
export interface Form {
  name: string;
  color: string | null;
  position: "right" | "left";
  language: string;
  texts: Record<string, { title?: string; greeting?: string; away?: string }>;
  askName: Asks;
  askEmail: Asks;
  showsOperators: boolean;
  identityRequired: boolean;
  origins: string;
}

const textsOf = (texts: Site["texts"]): Form["texts"] =>
  Object.fromEntries(Object.entries(texts).map(([language, some]) => [language, Object.fromEntries(Object.entries(some).filter(([, text]) => typeof text === "string"))]));

export const formOf = (site: Site, language: string): Form => ({
  name: site.name,
  color: site.color ?? null,
  position: site.position,
  language,
  texts: textsOf(site.texts),
  askName: site.prechat.name ?? "off",
  askEmail: site.prechat.email ?? "off",
  showsOperators: site.shows_operators,
  identityRequired: site.identity_required,
  origins: site.origins.join("\n"),
});

export const bodyOf = (form: Form): Record<string, unknown> => ({
  name: form.name.trim(),
  color: form.color,
  position: form.position,
  texts: Object.fromEntries(
    Object.entries(form.texts)
      .map(([language, some]) => [language, Object.fromEntries(Object.entries(some).filter(([, text]) => text.trim() !== ""))] as const)
      .filter(([, some]) => Object.keys(some).length > 0),
  ),
  prechat: { name: form.askName, email: form.askEmail },
  shows_operators: form.showsOperators,
  identity_required: form.identityRequired,
  origins: form.origins.split(/\s+/).filter(Boolean),
});
