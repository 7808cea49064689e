import { defineConfig } from "vitest/config";

/** A real browser over the built gallery; `npm run test:browser`. */
export default defineConfig({
  test: { include: ["src/**/*.browser.test.ts", "tests/browser/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000, fileParallelism: false },
});
