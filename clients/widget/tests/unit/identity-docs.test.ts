/**
 * The programs of docs/identity.md, as they stand there: each is run, and the token that it prints is checked. Those whose
 * language is not on this machine are skipped.
 *
 *   SWITCHBOARD_URL=… SWITCHBOARD_KID=… SWITCHBOARD_SECRET=… SWITCHBOARD_SITE=… npm test   # asks a running server too
 */
import { execFile, spawnSync } from "node:child_process";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const page = readFileSync(join(import.meta.dirname, "../../../../docs/identity.md"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "identity-docs-"));
/** Only with a key of that server. */
const server = process.env["SWITCHBOARD_KID"] && process.env["SWITCHBOARD_URL"];
const kid = process.env["SWITCHBOARD_KID"] ?? "k1";
const secret = process.env["SWITCHBOARD_SECRET"] ?? randomBytes(32).toString("base64url");
/** Java 17 reads its own source in the encoding of the locale, and bare machines have none. */
const env = { ...process.env, LC_ALL: "C.UTF-8", SWITCHBOARD_KID: kid, SWITCHBOARD_SECRET: secret };

afterAll(() => rmSync(folder, { recursive: true }));

interface Program { name: string; command: string; needs: string; at: string }

const MARKED = /<!-- run: (?<command>.+?)(?:; needs: (?<needs>.+?))? -->\n```\w+\n(?<text>.*?)\n```\n/gs;
const programs: Program[] = [...page.matchAll(MARKED)].map(({ groups }, index) => {
  const { command = "", needs, text = "" } = groups ?? {};
  const at = mkdtempSync(join(folder, `${index}-`));
  writeFileSync(join(at, command.split(" ").at(-1) ?? ""), text);
  return { name: needs ? `${command} (${needs})` : command, command, needs: needs ?? `command -v ${command.split(" ")[0]}`, at };
});

const isThere = ({ needs, at }: Program): boolean => spawnSync("sh", ["-c", needs], { cwd: at, env }).status === 0;
const read = (part: string | undefined): unknown => JSON.parse(Buffer.from(part ?? "", "base64url").toString());

/** As the server checks it: `services/chat-service/src/contacts/identity.rs`. */
function check(token: string): void {
  expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  const [header, claims, signature] = token.split(".");
  expect(signature).toBe(createHmac("sha256", secret).update(`${header}.${claims}`).digest("base64url"));
  expect(read(header)).toMatchObject({ alg: "HS256", kid });
  expect(read(claims)).toMatchObject({ identifier: "17", name: "Zoë Müller", email: "zoe@example.com" });
  const { exp } = read(claims) as { exp: number };
  expect(Math.abs(exp - Date.now() / 1000 - 3_600)).toBeLessThan(120);
}

test("the page has its programs", () => expect(programs.length).toBeGreaterThan(7));

for (const program of programs) {
  test.skipIf(!isThere(program))(program.name, async () => {
    const { stdout } = await promisify(execFile)("sh", ["-c", program.command], { cwd: program.at, env });
    const identity = stdout.trim();
    check(identity);
    if (!server) return;
    const body = JSON.stringify({ site: process.env["SWITCHBOARD_SITE"] ?? "default", identity });
    const answer = await fetch(`${server}/chat/session`, { method: "POST", headers: { "content-type": "application/json" }, body });
    expect(`${answer.status} ${answer.ok ? "" : await answer.text()}`).toBe("201 ");
  }, 60_000);
}
