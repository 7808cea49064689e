import type { ComponentChildren } from "preact";

// Addresses of the web with or without scheme, of mail, and numbers in the international form.
const LINK =
  /\b(?:https?:\/\/|www\.)[^\s<>"“”]+|\b(?:mailto:|tel:)[^\s<>"“”]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b|(?<!\w)\+\d[\d ()-]{6,18}\d/giu;
const SCHEMES = new Set(["http:", "https:", "mailto:", "tel:"]);

/** The text of a message: links become elements, all else stays text. Line breaks are shown by the style. */
export function richText(text: string): ComponentChildren[] {
  const parts: ComponentChildren[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const shown = withoutTail(match[0]);
    const href = address(shown);
    if (!href) continue;
    if (match.index > end) parts.push(text.slice(end, match.index));
    parts.push(
      <a href={href} target="_blank" rel="noopener nofollow">
        {shown}
      </a>,
    );
    end = match.index + shown.length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** The end of a sentence is no part of the address in it, nor is a bracket that was opened before it. */
function withoutTail(found: string): string {
  let shown = found;
  for (;;) {
    const last = shown.at(-1) ?? "";
    const isTail = ".,;:!?'\"»…*_".includes(last) || (last === ")" && count(shown, "(") < count(shown, ")"));
    if (!isTail || shown === "") return shown;
    shown = shown.slice(0, -1);
  }
}

const count = (text: string, sign: string): number => text.split(sign).length - 1;

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

const FEW_EMOJI = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f){1,12}$/u;
export const isFewEmoji = (text: string): boolean => text.length <= 24 && FEW_EMOJI.test(text.replace(/\s/g, ""));
