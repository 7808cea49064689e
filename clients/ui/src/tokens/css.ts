/** Makes the sheet of custom properties from the tokens: for tokens.css, or for a constructed sheet. */
import { hex } from "../colour/colour.ts";
import { type Oklch, toRgb } from "../colour/oklch.ts";
import { colours, control, ease, face, font, layer, motion, radius, scrim, shadow, space, type, weight } from "./tokens.ts";

type Line = readonly [name: string, value: string];

/** Hex, so that every browser shows the very colour of which the contrast is proved. */
const colour = ({ light, dark }: { light: Oklch; dark: Oklch }): string => `light-dark(${hex(toRgb(light))}, ${hex(toRgb(dark))})`;
const black = (light: number, dark: number): string => `light-dark(rgb(0 0 0 / ${light}), rgb(0 0 0 / ${dark}))`;
const rem = (px: number): string => `${px / 16}rem`;

const each = <T>(prefix: string, values: Record<string, T>, write: (value: T) => string): Line[] =>
  Object.entries(values).map(([name, value]) => [prefix + name, write(value)]);

/** Eight faces by one rule: an element says its `--hue`. The test proves that sRGB has all of these colours as they are. */
const ofHue = ({ light, dark }: { light: Oklch; dark: Oklch }): string =>
  `light-dark(${[light, dark].map(([lightness, chroma]) => `oklch(${lightness} ${chroma} var(--hue))`).join(", ")})`;
const faces = (): Line[] => [["face", ofHue(face(0).ground)], ["on-face", ofHue(face(0).text)]];

const lines = (): Line[] => [
  ...each("", colours, colour),
  ["scrim", black(scrim.light, scrim.dark)],
  ...each("space-", space, (px) => `${px}px`),
  ["control", `${control.fine}px`],
  ...each("radius-", radius, (px) => `${px}px`),
  ...each("font-", font, String),
  ...each("type-", type, ([size, line]) => `${size === 16 ? "max(1rem, 16px)" : rem(size)}/${rem(line)} var(--ui-font-text)`),
  ...each("weight-", weight, String),
  ...each("shadow-", shadow, ([x, y, blur, light, dark]) => `${x} ${y}px ${blur}px ${black(light, dark)}`),
  ...each("motion-", motion, (ms) => `${ms}ms`),
  ["ease", ease],
  ...each("layer-", layer, String),
];

const block = (selector: string, entries: readonly Line[], prefix = "--ui-"): string =>
  `${selector} {\n${entries.map(([name, value]) => `  ${prefix}${name}: ${value};\n`).join("")}}\n`;

/** `root` is `:root`, or `:host` in a shadow root. `data-theme` is light, dark or system, and may stand on any element. */
export function tokensCss(root = ":root"): string {
  const still = block(root, each("motion-", motion, () => "0ms"));
  return [
    block(root, lines()),
    block(".ui-avatar", faces()),
    block(`${root}, [data-theme="system"]`, [["color-scheme", "light dark"]], ""),
    block('[data-theme="light"]', [["color-scheme", "light"]], ""),
    block('[data-theme="dark"]', [["color-scheme", "dark"]], ""),
    `@media (pointer: coarse) {\n${block(root, [["control", `${control.coarse}px`]])}}\n`,
    `@media (prefers-reduced-motion: reduce) {\n${still}}\n`,
  ].join("\n");
}
