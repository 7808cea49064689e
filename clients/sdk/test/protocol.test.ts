// docs/protocol.md is the truth: every example of a server's frame is taken in, and the close codes are its table.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { actionOf, CLOSE_CODES, isFinal } from "../src/protocol/close_codes.ts";
import { chatOf, decode } from "../src/protocol/frames.ts";
import { isPassing } from "../src/protocol/api_error.ts";

const page = readFileSync(new URL("../../../docs/protocol.md", import.meta.url), "utf8");
const examples = [...page.matchAll(/<!-- frame: server -->\n```json\n([\s\S]*?)```/g)].map((found) => found[1] ?? "");

/** The rows of the first table under a heading, without its head. */
function table(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((line) => line.slice(2, -2).split(" | "));
}

describe("frames", () => {
  test("the page has its examples", () => expect(examples.length).toBeGreaterThan(25));

  test.each(examples.map((text) => [(JSON.parse(text) as { type: string }).type, text]))(
    "%s is taken in as it is written",
    (_type, text) => {
      const raw = JSON.parse(text) as { session_id?: number; chat_id?: number };
      const frame = decode(text);
      expect(frame).toEqual(raw);
      if (frame) expect(chatOf(frame)).toBe(raw.session_id ?? raw.chat_id);
    },
  );

  test.each(["", "null", "[]", "17", "<html>", "{}", '{"type":5}', '{"type":"chat.message"}', '{"type":"chat.read","data":null}', '{"type":"chat.message","session_id":1,"seq":2}', '{"type":"chat.message","session_id":1,"seq":2,"data":{"id":"7"}}'])(
    "%j is no frame",
    (text) => expect(decode(text)).toBeNull(),
  );
});

describe("tables", () => {
  test("the close codes are those of the page", () => {
    const rows = table("Close codes").map(([code, , what]) => ({
      code: Number(code),
      isFinal: Number(code) >= 4500,
      stops: /^(stop|mend|sign in)/.test(what ?? ""),
      renews: /fresh token|sign in anew/.test(what ?? ""),
      comment: `// ${table("Close codes").find((row) => row[0] === code)?.[1]}`,
    }));
    const source = readFileSync(new URL("../src/protocol/close_codes.ts", import.meta.url), "utf8");
    const ours = Object.keys(CLOSE_CODES).map(Number).map((code) => ({
      code,
      isFinal: isFinal(code),
      stops: ["stop", "sign_in"].includes(actionOf(code)),
      renews: ["renew", "sign_in"].includes(actionOf(code)),
      comment: new RegExp(`${code}: .*(//.*)`).exec(source)?.[1],
    }));
    expect(ours).toEqual(rows);
  });

  test("an error passes where trying again can help", () => {
    for (const [code, , what] of table("Errors")) {
      const helps = /try again|wait|fresh token|other credentials/.test(what ?? "");
      expect([code, isPassing((code ?? "").replaceAll("`", ""))]).toEqual([code, helps]);
    }
  });
});
