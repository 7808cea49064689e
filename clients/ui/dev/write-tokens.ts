/** Writes src/tokens/tokens.css. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { tokensFile } from "./tokens-file.ts";

writeFileSync(join(import.meta.dirname, "../src/tokens/tokens.css"), tokensFile());
