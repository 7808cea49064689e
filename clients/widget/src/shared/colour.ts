/** The panel's colours, with the contrast that WCAG 2.2 AA asks for: 4.5 for text, 3 for shapes. */
import { AA, type Rgb, contrast, hex, luminance, mix } from "@switchboard/ui/colour";

export { AA, type Rgb, contrast, hex, parse } from "@switchboard/ui/colour";

export const DEFAULT_COLOR: Rgb = [31, 111, 235];
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];

/** Moves `color` towards `goal` in small steps until it stands out from `ground`. */
export function shade(color: Rgb, goal: Rgb, ground: Rgb, wanted: number): Rgb {
  for (let share = 0; share < 1; share += 0.04) {
    const tried = mix(color, goal, share);
    if (contrast(tried, ground) >= wanted) return tried;
  }
  return goal;
}

/** Whether white looks right on this colour: middle tones get white, whose contrast of 3 is enough for shapes as it is. */
export const takesWhite = (color: Rgb): boolean => luminance(color) <= 0.3;

/** A surface of the site's colour and the text on it. A middle tone is darkened a little until white text is legible. */
export function surface(color: Rgb): { ground: Rgb; text: Rgb } {
  return takesWhite(color) ? { ground: shade(color, BLACK, WHITE, AA), text: WHITE } : { ground: color, text: BLACK };
}

export interface Palette {
  accent: string;
  accentEnd: string;
  onAccent: string;
  /** The site's colour as text on the panel's ground and on a message's. */
  accentText: string;
}

export const GROUNDS = {
  light: { panel: WHITE, bubble: [240, 242, 245] as Rgb },
  dark: { panel: [23, 25, 30] as Rgb, bubble: [38, 42, 49] as Rgb },
};

/** All colours of the panel that come from the site's colour. */
export function palette(color: Rgb, theme: "light" | "dark"): Palette {
  const { panel, bubble } = GROUNDS[theme];
  // A black brand would vanish on a dark panel, a white one on a light panel.
  const visible = shade(color, theme === "dark" ? WHITE : BLACK, panel, 1.35);
  const { ground, text } = surface(visible);
  const away = text === WHITE ? BLACK : WHITE;
  return {
    accent: hex(ground),
    accentEnd: hex(mix(ground, away, 0.14)),
    onAccent: hex(text),
    accentText: hex(shade(visible, theme === "dark" ? WHITE : BLACK, bubble, AA)),
  };
}
