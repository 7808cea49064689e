/** Where the server is: the console's page is in a folder below it. */
import { type Call, http } from "@switchboard/sdk";

export const BASE = new URL("..", document.baseURI).href.replace(/\/$/, "");

/** Calls without a login. */
export const ask = http(BASE, (input, init) => fetch(input, init)) as <T>(path: string, call?: Call) => Promise<T>;
