import type { PlainKey } from "../words/words.ts";

export type Role = "user" | "operator" | "admin";

export interface Person {
  id: number;
  name: string;
  email: string;
  role: Role;
  /** Keys of sites; null for all. */
  sites: readonly string[] | null;
  is_active: boolean;
  created_at: string;
  last_seen_at?: string | null;
}

export interface Invitation {
  id: string | number;
  email: string;
  name?: string | null;
  role: Role;
  sites: readonly string[] | null;
  expires_at: string;
  /** Told once, when it is made. */
  link?: string;
}

export const ROLES: Record<Role, PlainKey> = { user: "roleUser", operator: "roleOperator", admin: "roleAdmin" };
export const isEmail = (text: string): boolean => /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text.trim());
