/** Addresses in a text. */

// Addresses of the web with or without scheme, of mail, and numbers in the international form.
const LINK =
  /\b(?:https?:\/\/|www\.)[^\s<>"“”]+|\b(?:mailto:|tel:)[^\s<>"“”]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b|(?<!\w)\+\d[\d ()-]{6,18}\d/giu;
const SCHEMES = new Set(["http:", "https:", "mailto:", "tel:"]);
const TAIL = ".,;:!?'\"»…*_";

/** A link as it stands in the text, and where it leads; or text without one. */
export type Part = string | { shown: string; href: string };

/** The parts of a text, in order. The last is always text. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const shown = withoutTail(match[0]);
    const href = address(shown);
    if (!href) continue;
    if (match.index > end) parts.push(text.slice(end, match.index));
    parts.push({ shown, href });
    end = match.index + shown.length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** The end of a sentence is no part of the address in it, nor is a bracket that was opened before it. */
function withoutTail(found: string): string {
  let shown = found;
  while (shown !== "") {
    const last = shown.at(-1) ?? "";
    const isOpenedBefore = last === ")" && shown.split("(").length < shown.split(")").length;
    if (!TAIL.includes(last) && !isOpenedBefore) break;
    shown = shown.slice(0, -1);
  }
  return shown;
}

/** The checked address of a link; null where it is none of an allowed scheme. */
export function address(shown: string): string | null {
  const bare = /^(?:https?|mailto|tel):/i.test(shown)
    ? shown
    : shown.startsWith("+")
      ? `tel:${shown.replace(/[^\d+]/g, "")}`
      : shown.toLowerCase().startsWith("www.")
        ? `https://${shown}`
        : `mailto:${shown}`;
  if (!URL.canParse(bare)) return null;
  return SCHEMES.has(new URL(bare).protocol) ? bare : null;
}
