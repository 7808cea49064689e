// Writes openapi.json as a running server gives it: `SWITCHBOARD_URL=http://127.0.0.1:8080 npm run fetch`.
import { writeFile } from "node:fs/promises";

const url = new URL("openapi.json", process.env.SWITCHBOARD_URL ?? "http://127.0.0.1:8080");
const answer = await fetch(url);
if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
await writeFile(new URL("openapi.json", import.meta.url), `${JSON.stringify(await answer.json(), null, 2)}\n`);
