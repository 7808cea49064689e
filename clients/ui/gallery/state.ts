import { signal } from "@preact/signals";

/** What was done last, to be seen by people and by tests. */
export const last = signal("");
export const did = (what: string): void => void (last.value = what);
