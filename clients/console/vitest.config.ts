import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["switchboard-source", "module", "browser"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  test: { name: "console", include: ["tests/unit/**/*.test.{ts,tsx}"] },
});
