import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { gallery } from "../../tests/browser/support.ts";

const open = gallery();
const assignee = (page: Page) => page.getByRole("combobox", { name: "Assignee" });
const site = (page: Page) => page.getByRole("combobox", { name: "Site" });

const options = (page: Page) => page.locator(".ui-options [role=option]");

/** The text of the option that the field names as active. */
const active = (page: Page) =>
  page.evaluate(() => {
    const id = document.activeElement?.getAttribute("aria-activedescendant");
    return id ? (document.getElementById(id)?.querySelector(".ui-entry-text")?.textContent ?? "missing") : null;
  });

test("letters filter, arrows go around, Enter chooses, and the focus stays in the field", async () => {
  const { page, focused, last, close } = await open();
  await assignee(page).focus();
  await page.keyboard.type("ma");
  await page.getByRole("listbox", { name: "Assignee" }).waitFor();
  expect(await active(page)).toBe("Marta Kowalska");
  await page.keyboard.press("ArrowDown");
  expect(await active(page)).toBe("Élodie Martin");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  expect(await active(page)).not.toBe("Marta Kowalska");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect(await last.textContent()).toBe("assignee Marta Kowalska");
  expect(await assignee(page).inputValue()).toBe("Marta Kowalska");
  expect(await assignee(page).getAttribute("aria-expanded")).toBe("false");
  expect(await focused()).toBe("Assignee");
  await close();
});

test("Escape closes the list and gives the text back, an emptied field is nobody's", async () => {
  const { page, last, close } = await open();
  await assignee(page).fill("omar");
  await page.keyboard.press("Enter");
  await assignee(page).fill("xyz");
  await page.getByText("Nothing found").last().waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  expect(await assignee(page).inputValue()).toBe("Omar Haddad");
  await assignee(page).fill("");
  await page.keyboard.press("Tab");
  expect(await last.textContent()).toBe("assignee none");
  await close();
});

test("keys of an input method belong to it", async () => {
  const { page, last, close } = await open();
  await assignee(page).focus();
  const input = await page.context().newCDPSession(page);
  await input.send("Input.imeSetComposition", { text: "an", selectionStart: 2, selectionEnd: 2 });
  await page.getByRole("listbox", { name: "Assignee" }).waitFor();
  await assignee(page).evaluate((field) => {
    for (const init of [{ isComposing: true }, { keyCode: 229 }]) field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init }));
  });
  expect(await last.textContent()).toBe("");
  await input.send("Input.insertText", { text: "ana" });
  await page.keyboard.press("Enter");
  expect(await last.textContent()).toBe("assignee Ana Silva");
  await close();
});

test("the pointer chooses too, but not what is disabled", async () => {
  const { page, last, close } = await open();
  await assignee(page).click();
  await options(page).filter({ hasText: "Jonas Berg" }).click({ force: true });
  expect(await last.textContent()).toBe("");
  await options(page).filter({ hasText: "Li Wei" }).click();
  expect(await last.textContent()).toBe("assignee Li Wei");
  await close();
});

test("a server's answers come in the order of the questions, and its failure is told", async () => {
  const { page, close } = await open();
  await site(page).focus();
  await page.keyboard.press("3");
  await page.waitForTimeout(200);
  await page.keyboard.press("9");
  await expect.poll(() => options(page).allTextContents()).toEqual(["shop-39.example"]);
  // The answer to "3" alone would have come by now.
  await page.waitForTimeout(1_000);
  expect(await options(page).allTextContents()).toEqual(["shop-39.example"]);
  await site(page).fill("fail");
  await page.getByText("Could not be loaded").last().waitFor();
  await close();
});
