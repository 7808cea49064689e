const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/** Half a second, doubled after each failure up to 20 s, times a random number: a restart is not followed by everybody at once. */
export const backoff = (failures: number, random: number): number =>
  Math.min(LONGEST_MS, FIRST_MS * 2 ** failures) * (0.25 + 0.75 * random);
