// The types are those of the server: clients/sdk/README.md tells how they are made so again.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { url } from "./server.ts";

test.runIf(url !== "")("the committed OpenAPI document is the server's", async () => {
  const committed = readFileSync(new URL("../../../types/openapi.json", import.meta.url), "utf8");
  expect(JSON.parse(committed)).toEqual(await (await fetch(`${url}/openapi.json`)).json());
});
