import { defineConfig } from "vitest/config";

/** Real browsers over a real server; `npm run test:browser`. */
export default defineConfig({
  test: { include: ["tests/browser/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 90_000, fileParallelism: false, expect: { poll: { timeout: 10_000 } } },
});
