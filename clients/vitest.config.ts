import { defineConfig } from "vitest/config";

// The projects are the workspaces; each has its own environment. Two workers: the machines that run this have few cores.
export default defineConfig({
  test: { projects: ["sdk", "ui", "widget", "console"], maxWorkers: 2 },
});
