import { expect, test } from "vitest";
import { fault } from "../../src/panel/fault.ts";

test("what a visitor must give is checked, with a text for each fault", () => {
  expect(fault("name", "  ", "required")).toBe("nameMissing");
  expect(fault("name", "", "optional")).toBeNull();
  expect(fault("email", "", "required")).toBe("emailMissing");
  expect(fault("email", "ana@example", "optional")).toBe("emailWrong");
  expect(fault("email", "ana @example.com", "optional")).toBe("emailWrong");
  expect(fault("email", " ana@пример.example ", "required")).toBeNull();
});
