import { defineConfig } from "vitest/config";

export default defineConfig({
  // A slow and busy machine takes longer than the usual five seconds for thousands of runs of the model.
  test: { name: "sdk", testTimeout: 60_000, include: ["test/**/*.test.ts"] },
});
