import { defineConfig } from "vitest/config";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: { name: "widget", testTimeout: 60_000, include: ["tests/unit/**/*.test.{ts,tsx}"] },
});
