/** Colours, and the contrast between two of them as WCAG 2.2 reckons it: 4.5 for text, 3 for shapes. */

export type Rgb = readonly [number, number, number];

export const AA = 4.5;
export const AA_SHAPE = 3;

/** Reads `#rgb` and `#rrggbb`; null for anything else. */
export function parse(color: unknown): Rgb | null {
  const digits = /^#(?:[\da-f]{3}){1,2}$/i.exec(`${color}`.trim())?.[0].slice(1);
  if (!digits) return null;
  const value = Number.parseInt(digits.length === 3 ? digits.replace(/./g, "$&$&") : digits, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export const hex = (color: Rgb): string => `#${color.map((part) => part.toString(16).padStart(2, "0")).join("")}`;

export const mix = (from: Rgb, to: Rgb, share: number): Rgb => {
  const part = (i: 0 | 1 | 2) => Math.round(from[i] + (to[i] - from[i]) * share);
  return [part(0), part(1), part(2)];
};

export function luminance(color: Rgb): number {
  const [r, g, b] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

export function contrast(one: Rgb, other: Rgb): number {
  const ratio = (luminance(one) + 0.05) / (luminance(other) + 0.05);
  return Math.max(ratio, 1 / ratio);
}
