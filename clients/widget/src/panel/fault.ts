import type { PlainKey } from "./i18n.ts";

/** What a visitor may be asked for. */
export type Field = "name" | "email";
export type Need = "off" | "optional" | "required";

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/u;

/** What is wrong with a field, in words for the visitor; null if nothing is. */
export function fault(field: Field, value: string, need: Need): PlainKey | null {
  if (value.trim() === "") return need === "required" ? (field === "name" ? "nameMissing" : "emailMissing") : null;
  return field === "email" && !EMAIL.test(value.trim()) ? "emailWrong" : null;
}
