import type { VNode } from "preact";
import { expect, test } from "vitest";
import { address } from "@switchboard/ui/links";
import { isFewEmoji, richText } from "../../src/panel/rich-text.tsx";

/** Links as `[text](address)`. */
const written = (text: string): string =>
  richText(text)
    .map((part) => {
      if (typeof part === "string") return part;
      const { children, href } = (part as VNode<{ children: string; href: string }>).props;
      return `[${children}](${href})`;
    })
    .join("");

test.each([
  ["plain", "plain"],
  ["see https://a.example/x.", "see [https://a.example/x](https://a.example/x)."],
  ["(https://a.example/w_(x))", "([https://a.example/w_(x)](https://a.example/w_(x)))"],
  ["HTTP://A.EXAMPLE!", "[HTTP://A.EXAMPLE](HTTP://A.EXAMPLE)!"],
  ["www.a.example/ü?q=1&r=2", "[www.a.example/ü?q=1&r=2](https://www.a.example/ü?q=1&r=2)"],
  ["ana+b@mail.a.example, ben@b.example", "[ana+b@mail.a.example](mailto:ana+b@mail.a.example), [ben@b.example](mailto:ben@b.example)"],
  ["mailto:ana@a.example", "[mailto:ana@a.example](mailto:ana@a.example)"],
  ["call +49 30 1234567.", "call [+49 30 1234567](tel:+49301234567)."],
  ["tel:+123456789", "[tel:+123456789](tel:+123456789)"],
  ["1+1234567 is no number", "1+1234567 is no number"],
  ["javascript:alert(1)", "javascript:alert(1)"],
  ["data:text/html,<b>", "data:text/html,<b>"],
  ["jAvAsCrIpT:https://a.example", "jAvAsCrIpT:[https://a.example](https://a.example)"],
  ["https://", "https://"],
  ['<a href="https://a.example">', '<a href="[https://a.example](https://a.example)">'],
  ["a\n\nhttps://a.example\nb", "a\n\n[https://a.example](https://a.example)\nb"],
])("%j", (text, expected) => {
  expect(written(text)).toBe(expected);
});

test("the text of a message is what was written, whatever is in it", () => {
  const text = 'https://a.example ana@a.example <script> "www.b.example" +49 30 1234567 \u202e end';
  const shown = richText(text).map((part) => (typeof part === "string" ? part : (part as VNode<{ children: string }>).props.children));
  expect(shown.join("")).toBe(text);
});

test("a long text without end is read in little time", () => {
  const start = performance.now();
  for (const part of ["a@", "http://", "((((", "+1 ", "www.", "a.a."]) richText(part.repeat(10_000 / part.length));
  expect(performance.now() - start).toBeLessThan(1_000);
});

test("only http, https, mailto and tel are addresses", () => {
  for (const text of ["https://", "http://[", "mailto://\u0000"]) expect(["http:", "https:", "mailto:", null]).toContain(address(text) && new URL(address(text) ?? "").protocol);
});

test("a few emoji alone are shown large", () => {
  expect(["👍", "👩‍👩‍👧 🏳️‍🌈", "🇩🇪"].every(isFewEmoji)).toBe(true);
  expect(["", "a👍", "12", "👍".repeat(20)].some(isFewEmoji)).toBe(false);
});
