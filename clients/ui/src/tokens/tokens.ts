/**
 * The one source of how the clients look. `npm run tokens -w ui` writes tokens.css from it, and a test compares the two.
 *
 * A name is a custom property: `surface` is `--ui-surface`.
 */
import type { Oklch } from "../colour/oklch.ts";

interface Pair {
  light: Oklch;
  dark: Oklch;
}
const pair = (light: Oklch, dark: Oklch): Pair => ({ light, dark });
const grey = (light: number, dark: number): Pair => pair([light, light > 0.99 ? 0 : 0.006, 265], [dark, 0.009, 265]);

export const colours = {
  /** The page, from the back to the front. */
  ground: grey(0.975, 0.165),
  surface: grey(1, 0.195),
  raised: grey(1, 0.235),
  /** Rows and quiet controls under the pointer, and what is chosen. */
  hover: grey(0.957, 0.262),
  active: grey(0.93, 0.3),
  /** A line that only parts. The edge of a control is `edge`. */
  line: grey(0.915, 0.29),
  edge: grey(0.64, 0.535),

  text: grey(0.22, 0.945),
  soft: grey(0.47, 0.735),

  accent: pair([0.53, 0.195, 266], [0.57, 0.19, 268]),
  "accent-hover": pair([0.48, 0.195, 266], [0.53, 0.19, 268]),
  "accent-text": pair([0.48, 0.19, 266], [0.765, 0.115, 270]),
  "accent-soft": pair([0.945, 0.028, 266], [0.3, 0.065, 268]),
  "on-accent": pair([1, 0, 0], [1, 0, 0]),

  danger: pair([0.54, 0.2, 27], [0.55, 0.19, 26]),
  "danger-hover": pair([0.49, 0.19, 27], [0.51, 0.18, 26]),
  "danger-text": pair([0.5, 0.19, 27], [0.76, 0.12, 22]),
  "danger-soft": pair([0.95, 0.025, 25], [0.29, 0.06, 24]),
  "on-danger": pair([1, 0, 0], [1, 0, 0]),

  "success-text": pair([0.46, 0.115, 155], [0.78, 0.13, 155]),
  "success-soft": pair([0.95, 0.035, 155], [0.28, 0.045, 155]),
  /** Notes that visitors do not see stand on it. */
  "warning-text": pair([0.45, 0.095, 75], [0.83, 0.115, 85]),
  "warning-soft": pair([0.963, 0.05, 92], [0.29, 0.045, 85]),

  focus: pair([0.55, 0.19, 266], [0.7, 0.14, 268]),
  online: pair([0.6, 0.15, 152], [0.74, 0.17, 152]),
  away: pair([0.63, 0.135, 70], [0.8, 0.14, 80]),
} as const satisfies Record<string, Pair>;

export type Colour = keyof typeof colours;

/** The faces of people without a picture: pale ground, deep letters, and the reverse in the dark. */
export const face = (hue: number): { ground: Pair; text: Pair } => ({
  ground: pair([0.91, 0.04, hue], [0.36, 0.055, hue]),
  text: pair([0.42, 0.07, hue], [0.9, 0.04, hue]),
});

const GROUNDS = ["ground", "surface", "raised", "hover", "active"] as const satisfies readonly Colour[];
const on = (texts: readonly Colour[], grounds: readonly Colour[]): [Colour, Colour][] => texts.flatMap((text) => grounds.map((ground): [Colour, Colour] => [text, ground]));

/** Every text with every ground that the kit puts it on. The test proves 4.5. */
export const textPairs: readonly (readonly [Colour, Colour])[] = [
  ...on(["text", "soft", "accent-text", "danger-text", "success-text", "warning-text"], GROUNDS),
  ...on(["text", "soft"], ["accent-soft", "danger-soft", "success-soft", "warning-soft"]),
  ["accent-text", "accent-soft"],
  ["danger-text", "danger-soft"],
  ["success-text", "success-soft"],
  ["warning-text", "warning-soft"],
  ...on(["on-accent"], ["accent", "accent-hover"]),
  ...on(["on-danger"], ["danger", "danger-hover"]),
];

/** Shapes that tell something: the edge of a control, the focus, a dot. The test proves 3. */
export const shapePairs: readonly (readonly [Colour, Colour])[] = [
  ...on(["edge", "online", "away"], ["ground", "surface", "raised"]),
  ...on(["focus"], [...GROUNDS, "accent-soft", "danger-soft"]),
  ...on(["accent", "danger"], ["ground", "surface", "raised"]),
];

/** In px. */
export const space = { 1: 4, 2: 8, 3: 12, 4: 16, 5: 20, 6: 24, 8: 32, 10: 40, 12: 48 } as const;

/** The least height of what is pressed, in px: by a pointer and by a finger. */
export const control = { fine: 32, coarse: 44 } as const;

/** In px. */
export const radius = { small: 4, medium: 6, large: 10 } as const;

/** Size and height of a line in px at the browser's usual 16; the sheet has them in rem, so that a reader's own size counts. */
export const type = {
  small: [12, 16],
  body: [14, 20],
  /** Inputs: below 16 px a phone zooms into the field. */
  input: [16, 24],
  title: [16, 24],
  large: [20, 28],
} as const satisfies Record<string, readonly [number, number]>;

export const weight = { medium: 500, bold: 600 } as const;

export const font = {
  text: 'system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif',
  code: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
} as const;

/** Offsets and blur in px, and how much black it has in the light and in the dark. */
export const shadow = {
  low: [0, 1, 2, 0.06, 0.3],
  menu: [0, 6, 20, 0.14, 0.5],
  dialog: [0, 16, 48, 0.22, 0.6],
} as const satisfies Record<string, readonly [number, number, number, number, number]>;

/** How much black a dialog's backdrop has. */
export const scrim = { light: 0.28, dark: 0.55 } as const;

/** In ms. With `prefers-reduced-motion` all are 0. */
export const motion = { quick: 100, calm: 160 } as const;
export const ease = "cubic-bezier(0.2, 0, 0, 1)";

/** Only for what is not in the browser's top layer: dialogs, menus, toasts and tooltips need none. */
export const layer = { sticky: 1, bar: 2, panel: 3 } as const;
