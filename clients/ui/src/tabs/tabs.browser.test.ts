import { expect, test } from "vitest";
import { gallery } from "../../tests/browser/support.ts";

const open = gallery();

for (const { language, next, names } of [
  { language: "en", next: "ArrowRight", names: ["Mine", "Unassigned", "All"] },
  { language: "ar", next: "ArrowLeft", names: ["محادثاتي", "غير مسندة", "الكل"] },
] as const)
  test(`arrows, Home and End choose a tab with the focus (${language})`, async () => {
    const { page, close } = await open({ language });
    const chosen = () => page.locator("[role=tab][aria-selected=true]").evaluate((tab) => (tab === document.activeElement ? (tab.firstChild?.textContent ?? "") : "without focus"));
    await page.getByRole("tab").first().focus();
    await page.keyboard.press(next);
    await expect.poll(chosen).toBe(names[1]);
    await page.keyboard.press(next);
    await page.keyboard.press(next);
    await expect.poll(chosen).toBe(names[0]);
    await page.keyboard.press("End");
    await expect.poll(chosen).toBe(names[2]);
    await page.keyboard.press("Home");
    await expect.poll(chosen).toBe(names[0]);
    // One stop for all tabs, then the panel.
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").getAttribute("role")).toBe("tabpanel");
    await close();
  });
