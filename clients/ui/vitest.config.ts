import { defineConfig } from "vitest/config";

export default defineConfig({
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: { name: "ui", include: ["src/**/*.test.{ts,tsx}"], exclude: ["src/**/*.browser.test.ts"] },
});
