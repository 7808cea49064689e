// Texts of pages and people, as the server takes them.

/** Half a surrogate pair, as a cut through an emoji leaves it, is no character: the server would close a socket for it. */
export const whole = (text: string): string => text.replace(/\p{Surrogate}/gu, "\ufffd");

/** The first characters of a text. */
export const cut = (text: string, length: number): string => [...whole(text)].slice(0, length).join("");

/** The address of a page; undefined for one that is not of the web, such as a file's. */
export const webAddress = (url: string | undefined, length: number): string | undefined =>
  url && /^https?:/.test(url) ? cut(url, length) : undefined;
