// What a page needs once the visitor has spoken, in one file of its own. A page asks for it a moment after the first part, so
// that it is there before a deploy of the server takes the file away.
export { Connection } from "../connection/connection.ts";
export { openSession } from "./opening.ts";
export { identified, listSessions } from "./persons.ts";
