import { expect, test } from "vitest";
import { gallery } from "../../tests/browser/support.ts";

const open = gallery();

test("the action of a toast is done by keyboard, and the focus goes back to where it was", async () => {
  const { page, focused, last, close } = await open();
  const opener = page.locator("[data-opens=toast]");
  await opener.focus();
  await page.keyboard.press("Enter");
  const undo = page.getByRole("status").getByRole("button", { name: "Undo" });
  await undo.focus();
  await page.keyboard.press("Enter");
  expect(await last.textContent()).toBe("undone 1");
  await expect.poll(focused).toBe("Close a conversation");
  expect(await undo.count()).toBe(0);
  await close();
});

test("at most three are shown, and what waits comes after", async () => {
  const { page, close } = await open();
  for (let count = 0; count < 4; count++) await page.locator("[data-opens=toast]").click();
  const toasts = page.locator(".ui-toast-text");
  await expect.poll(() => toasts.allTextContents()).toEqual(["Conversation closed (1)", "Conversation closed (2)", "Conversation closed (3)"]);
  await page.getByRole("button", { name: "Dismiss" }).first().click();
  await expect.poll(() => toasts.allTextContents()).toEqual(["Conversation closed (2)", "Conversation closed (3)", "Conversation closed (4)"]);
  await close();
});

test("a toast stays while the pointer or the focus is on it", async () => {
  const { page, close } = await open();
  const toast = page.locator(".ui-toast");
  await page.clock.install();
  await page.locator("[data-opens=toast]").click();
  await toast.hover();
  await page.clock.runFor(20_000);
  expect(await toast.count()).toBe(1);
  await page.getByRole("button", { name: "Undo" }).focus();
  await page.mouse.move(5, 5);
  await page.clock.runFor(20_000);
  expect(await toast.count()).toBe(1);
  await page.locator("[data-opens=toast]").focus();
  await page.clock.runFor(9_000);
  await expect.poll(() => toast.count()).toBe(0);
  await close();
});

test("the next toast has its time after the last was dismissed under the pointer", async () => {
  const { page, close } = await open();
  await page.clock.install();
  await page.locator("[data-opens=toast]").click();
  await page.getByRole("button", { name: "Dismiss" }).click();
  await page.locator("[data-opens=toast]").press("Enter");
  await page.mouse.move(5, 5);
  await page.clock.runFor(9_000);
  await expect.poll(() => page.locator(".ui-toast").count()).toBe(0);
  await close();
});
