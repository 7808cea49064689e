import { expect, test } from "vitest";
import { gallery } from "../../tests/browser/support.ts";

const open = gallery();
const TEXT = "Closes the conversation and opens the next";

test("a tooltip shows after a pause under the pointer, and goes at Escape", async () => {
  const { page, close } = await open();
  const button = page.getByRole("button", { name: "Close it" });
  await button.hover();
  expect(await page.getByRole("tooltip").count()).toBe(0);
  await page.getByRole("tooltip").filter({ hasText: TEXT }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("tooltip").waitFor({ state: "detached" });
  await close();
});

test("the keyboard's focus shows it too, and it describes what has a name", async () => {
  const { page, focused, close } = await open();
  await page.getByRole("button", { name: "Fail", exact: true }).focus();
  await page.keyboard.press("Tab");
  await page.getByRole("tooltip").filter({ hasText: "Add a star" }).waitFor();
  // What repeats the name is no description.
  expect(await page.locator(":focus").getAttribute("aria-describedby")).toBeNull();
  await page.keyboard.press("Tab");
  await page.getByRole("tooltip").filter({ hasText: TEXT }).waitFor();
  expect(await focused()).toBe("Close it");
  const described = await page.locator(":focus").evaluate((element) => document.getElementById(element.getAttribute("aria-describedby") ?? "")?.textContent);
  expect(described).toContain(TEXT);
  await page.keyboard.press("Tab");
  await page.getByRole("tooltip").waitFor({ state: "detached" });
  await close();
});

test("a tooltip is never the only name", async () => {
  const { page, close } = await open();
  const nameless = await page.locator("[data-tip]").evaluateAll((all) => all.filter((element) => !element.ariaLabel && !element.textContent).length);
  expect(nameless).toBe(0);
  await close();
});
