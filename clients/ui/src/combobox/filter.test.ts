import { expect, test } from "vitest";
import { filter } from "./filter.ts";

const options = [
  { id: "1", label: "Joana Prado" },
  { id: "2", label: "Ana Silva", keywords: "support@lamps.example" },
  { id: "3", label: "Élodie Martin" },
];
const found = (query: string) => filter(options, query).map(({ id }) => id);

test("the beginning of a word comes before its middle", () => {
  expect(found("ana")).toEqual(["2", "1"]);
});

test("every word counts, in any order, without accents and capitals", () => {
  expect(found("silva AN")).toEqual(["2"]);
  expect(found("elodie")).toEqual(["3"]);
  expect(found("lamps")).toEqual(["2"]);
  expect(found("silva martin")).toEqual([]);
});

test("no query finds all, up to the limit", () => {
  expect(found(" ")).toEqual(["1", "2", "3"]);
  expect(filter(options, "", 2)).toHaveLength(2);
});
