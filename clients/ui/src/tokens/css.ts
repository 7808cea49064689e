/** Makes the sheet of custom properties from the tokens: for tokens.css, or for a constructed sheet. */
import { hex } from "../colour/colour.ts";
import { type Oklch, toRgb } from "../colour/oklch.ts";
import { faceHues } from "./faces.ts";
import { colours, ease, face, font, layer, motion, radius, scrim, shadow, space, type, weight } from "./tokens.ts";

type Line = readonly [name: string, value: string];

/** Hex, so that every browser shows the very colour of which the contrast is proved. */
const colour = ({ light, dark }: { light: Oklch; dark: Oklch }): string => `light-dark(${hex(toRgb(light))}, ${hex(toRgb(dark))})`;
const black = (light: number, dark: number): string => `light-dark(rgb(0 0 0 / ${light}), rgb(0 0 0 / ${dark}))`;
const rem = (px: number): string => `${px / 16}rem`;

const each = <T>(prefix: string, values: Record<string, T>, write: (value: T) => string): Line[] =>
  Object.entries(values).map(([name, value]) => [prefix + name, write(value)]);

const faces = (): Line[] =>
  faceHues.flatMap((hue, index): Line[] => {
    const { ground, text } = face(hue);
    return [[`face-${index}`, colour(ground)], [`on-face-${index}`, colour(text)]];
  });

const lines = (): Line[] => [
  ...each("", colours, colour),
  ...faces(),
  ["scrim", black(scrim.light, scrim.dark)],
  ...each("space-", space, (px) => `${px}px`),
  ...each("radius-", radius, (px) => `${px}px`),
  ...each("font-", font, String),
  ...each("type-", type, ([size, line]) => `${size === 16 ? "max(1rem, 16px)" : rem(size)}/${rem(line)} var(--ui-font-text)`),
  ...each("weight-", weight, String),
  ...each<readonly (readonly [number, number, number, number, number])[]>("shadow-", shadow, (layers) =>
    layers.map(([x, y, blur, light, dark]) => `${x}px ${y}px ${blur}px ${black(light, dark)}`).join(", ")),
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
    block(`${root}, [data-theme="system"]`, [["color-scheme", "light dark"]], ""),
    block('[data-theme="light"]', [["color-scheme", "light"]], ""),
    block('[data-theme="dark"]', [["color-scheme", "dark"]], ""),
    `@media (prefers-reduced-motion: reduce) {\n${still}}\n`,
  ].join("\n");
}
