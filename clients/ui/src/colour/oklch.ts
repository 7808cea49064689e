import type { Rgb } from "./colour.ts";

/** Lightness from 0 to 1, chroma from 0 to about 0.3, hue in degrees. */
export type Oklch = readonly [lightness: number, chroma: number, hue: number];

type Linear = readonly [number, number, number];

/** The matrices are those of https://bottosson.github.io/posts/oklab/. */
function linear([lightness, chroma, hue]: Oklch): Linear {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** Whether sRGB has the colour as it is. */
export const isShown = (color: Oklch): boolean => linear(color).every((part) => part > -0.0005 && part < 1.0005);

/** A colour that sRGB lacks loses chroma until sRGB has it; lightness and hue stay. */
export function toRgb([lightness, chroma, hue]: Oklch): Rgb {
  let kept = chroma;
  while (kept > 0 && !isShown([lightness, kept, hue])) kept -= 0.002;
  const part = (share: number) => Math.round(255 * (share <= 0.0031308 ? 12.92 * Math.max(share, 0) : 1.055 * Math.min(share, 1) ** (1 / 2.4) - 0.055));
  const [r, g, b] = linear([lightness, Math.max(kept, 0), hue]);
  return [part(r), part(g), part(b)];
}
