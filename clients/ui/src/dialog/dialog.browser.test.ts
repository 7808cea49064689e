import { expect, test } from "vitest";
import { gallery } from "../../tests/browser/support.ts";

const open = gallery();
const NAME = "Close this conversation?";

test("the first field has the focus, which stays inside and goes back to the opener at Escape", async () => {
  const { page, focused, last, close } = await open();
  const dialog = page.getByRole("dialog", { name: NAME });
  await page.locator("[data-opens=dialog]").focus();
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  expect(await focused()).toBe("Reason");
  const seen: string[] = [];
  for (let step = 0; step < 6; step++) {
    await page.keyboard.press("Tab");
    seen.push(await focused());
  }
  expect(seen).toEqual(expect.arrayContaining(["Cancel", "Close it", "Close", "Reason"]));
  expect(seen).not.toContain("Send reply");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  expect(await focused()).toBe("Close conversation…");
  expect(await last.textContent()).toBe("dialog closed");
  await close();
});

test("a press on the backdrop closes it, a selection that ends there does not", async () => {
  const { page, focused, close } = await open();
  const dialog = page.getByRole("dialog", { name: NAME });
  await page.locator("[data-opens=dialog]").click();
  await dialog.getByText("Reason").hover();
  await page.mouse.down();
  await page.mouse.move(5, 5);
  await page.mouse.up();
  expect(await dialog.isVisible()).toBe(true);
  await page.mouse.click(5, 5);
  await dialog.waitFor({ state: "detached" });
  expect(await focused()).toBe("Close conversation…");
  await close();
});

test("a dialog that a menu opened gives the focus back to the menu's button", async () => {
  const { page, focused, close } = await open();
  await page.getByRole("button", { name: "More actions" }).focus();
  await page.keyboard.press("ArrowUp");
  expect(await focused()).toBe("Ban visitor");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Ban visitor" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Ban visitor" }).waitFor({ state: "detached" });
  expect(await focused()).toBe("More actions");
  await close();
});
