import { expect, test } from "vitest";
import { AA, GROUNDS, type Rgb, contrast, hex, palette, parse, takesWhite } from "../../src/shared/colour.ts";

/** The same colours at each run. */
function* colours(count: number): Generator<Rgb> {
  let state = 12_345;
  const next = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % 256;
  for (let i = 0; i < count; i++) yield [next(), next(), next()];
  for (const grey of [0, 1, 17, 119, 128, 149, 254, 255]) yield [grey, grey, grey];
  for (const full of [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255], [255, 0, 255]] as const) yield full;
}
const read = (color: string): Rgb => parse(color) ?? [-1, -1, -1];

for (const theme of ["light", "dark"] as const) {
  test(`any colour of a site gives text with a contrast of AA (${theme})`, () => {
    for (const color of colours(5_000)) {
      const { accent, accentEnd, onAccent, accentText } = palette(color, theme);
      const { panel, bubble } = GROUNDS[theme];
      expect(contrast(read(onAccent), read(accent)), hex(color)).toBeGreaterThanOrEqual(AA);
      expect(contrast(read(onAccent), read(accentEnd)), hex(color)).toBeGreaterThanOrEqual(AA);
      expect(contrast(read(accentText), panel), hex(color)).toBeGreaterThanOrEqual(AA);
      expect(contrast(read(accentText), bubble), hex(color)).toBeGreaterThanOrEqual(AA);
    }
  });
}

test("the launcher's icon has a contrast of 3 on any colour", () => {
  for (const color of colours(5_000)) {
    expect(contrast(takesWhite(color) ? [255, 255, 255] : [0, 0, 0], color), hex(color)).toBeGreaterThanOrEqual(3);
  }
});

test("a colour that is legible as it is stays as it is", () => {
  expect(palette([31, 111, 235], "light").accent).toBe("#1f6feb");
});

test("what is no colour is none", () => {
  for (const text of [null, undefined, "", "red", "#12", "#12345", "#1234567", "url(x)", "#fff;}*{", 7, {}]) expect(parse(text)).toBeNull();
  expect(parse(" #0Af ")).toEqual([0, 170, 255]);
});
