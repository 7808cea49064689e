import { defineConfig } from "vitest/config";

/** Real browsers; `npm run test:browser`. */
export default defineConfig({
  test: { include: ["tests/browser/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000, fileParallelism: false },
});
