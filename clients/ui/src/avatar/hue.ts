/** The same person always has the same colour. */
export function hueOf(id: string, count: number): number {
  let hash = 7;
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) % 1_000_003;
  return hash % count;
}
