import { expect, test, vi } from "vitest";

vi.stubGlobal("location", { hash: "" });
vi.stubGlobal("addEventListener", () => undefined);
const { format, parse } = await import("../../src/app/route.ts");

test.each(["#/mine", "#/unassigned", "#/open/42", "#/open/42/1009", "#/site/shop/7", "#/settings/profile", "#/people", "#/sites", "#/sites/3", "#first=abc-_1", "#join=x", "#password=y"])("%s is an address", (hash) => {
  expect(format(parse(hash))).toBe(hash);
});

test.each(["", "#", "#/nowhere", "#/open/abc", "#/%E0%A4%A", "#join=<script>", "#/open/99999999999999999999"])("%s leads to a list", (hash) => {
  const { page, ...rest } = parse(hash);
  expect(page).toBe("lists");
  expect(rest).toMatchObject({ chat: null });
});
