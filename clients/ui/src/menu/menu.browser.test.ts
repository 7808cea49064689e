import { expect, test } from "vitest";
import { gallery } from "../../tests/browser/support.ts";

const open = gallery();

test("arrows, Home, End and letters move the focus, Enter selects and gives it back", async () => {
  const { page, focused, last, close } = await open();
  const button = page.getByRole("button", { name: "Actions", exact: true });
  await button.focus();
  await page.keyboard.press("Enter");
  expect(await focused()).toBe("Assign to me");
  expect(await button.getAttribute("aria-expanded")).toBe("true");
  const after = async (key: string) => {
    await page.keyboard.press(key);
    return focused();
  };
  expect(await after("ArrowDown")).toBe("Snooze until tomorrow");
  expect(await after("End")).toBe("Ban visitor");
  expect(await after("ArrowDown")).toBe("Assign to me");
  expect(await after("ArrowUp")).toBe("Ban visitor");
  expect(await after("Home")).toBe("Assign to me");
  expect(await after("s")).toBe("Snooze until tomorrow");
  expect(await after("s")).toBe("Starred");
  await page.waitForTimeout(700);
  await page.keyboard.type("ma");
  expect(await focused()).toBe("Mark as unread");
  expect(await after("Enter")).toBe("Actions");
  expect(await last.textContent()).toBe("unread");
  expect(await button.getAttribute("aria-expanded")).toBe("false");
  await close();
});

test("Escape and a click outside close it, and so does its own button", async () => {
  const { page, focused, close } = await open();
  const button = page.getByRole("button", { name: "Actions", exact: true });
  const menu = page.getByRole("menu");
  await button.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await menu.waitFor({ state: "detached" });
  expect(await focused()).toBe("Actions");
  await button.click();
  await menu.waitFor();
  await page.mouse.click(5, 5);
  await menu.waitFor({ state: "detached" });
  await button.click();
  await menu.waitFor();
  await button.click();
  await menu.waitFor({ state: "detached" });
  expect(await menu.count()).toBe(0);
  await close();
});

test("Tab closes it and goes on from its button", async () => {
  const { page, focused, close } = await open();
  await page.getByRole("button", { name: "Actions", exact: true }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.getByRole("menu").waitFor({ state: "detached" });
  expect(await focused()).toBe("More actions");
  await close();
});

test("a disabled entry does nothing, a choice changes its tick", async () => {
  const { page, last, close } = await open();
  const button = page.getByRole("button", { name: "Actions", exact: true });
  await button.click();
  await page.getByRole("menuitem", { name: "Merge" }).click({ force: true });
  expect(await page.getByRole("menu").isVisible()).toBe(true);
  expect(await last.textContent()).toBe("");
  await page.getByRole("menuitemcheckbox", { name: "Starred" }).click();
  await button.click();
  expect(await page.getByRole("menuitemcheckbox", { name: "Starred" }).getAttribute("aria-checked")).toBe("false");
  await close();
});

test("it stands within the window on both sides of a text", async () => {
  for (const language of ["en", "ar"] as const) {
    const { page, close } = await open({ language, viewport: { width: 390, height: 500 } });
    for (const button of await page.locator("[aria-haspopup=menu]").all()) {
      await button.click();
      const box = await page.getByRole("menu").boundingBox();
      expect(box?.x).toBeGreaterThanOrEqual(0);
      expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(390);
      expect((box?.y ?? 0) + (box?.height ?? 999)).toBeLessThanOrEqual(500);
      await page.keyboard.press("Escape");
    }
    await close();
  }
});
