export type * from "./visitor/api.ts";
export { visitor } from "./visitor/visitor.ts";
