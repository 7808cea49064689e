import type { Visitor, VisitorOptions } from "./api.ts";

export function visitor(_options: VisitorOptions): Visitor {
  throw new Error("to come");
}
