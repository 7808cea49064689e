/**
 * `kit`: all of the kit with its styles, to be measured. `gallery`: the page of primitives, for tests.
 *
 * Both go to `ui/dist`, which nothing is published from: the console and the messenger build from the sources.
 */
import { join } from "node:path";
import { type InlineConfig, build } from "vite";

const here = import.meta.dirname;
/** Those that know `light-dark()`; for older ones the build would write every colour twice. */
const cssTarget = ["chrome123", "firefox121", "safari17.5", "ios17.5"];
const common: InlineConfig = {
  configFile: false,
  logLevel: "warn",
  publicDir: false,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
};

const makes: Record<string, () => Promise<unknown>> = {
  kit: () =>
    build({
      ...common,
      root: here,
      build: {
        outDir: "dist/kit",
        target: "es2022",
        cssTarget,
        modulePreload: false,
        rollupOptions: {
          input: "src/index.ts",
          preserveEntrySignatures: "strict",
          external: [/^preact/, /^@preact\//],
          output: { entryFileNames: "kit.js", assetFileNames: "kit[extname]" },
        },
      },
    }),
  gallery: () =>
    build({
      ...common,
      root: join(here, "gallery"),
      base: "./",
      build: { outDir: "../dist/gallery", emptyOutDir: true, target: "es2022", cssTarget, modulePreload: false, assetsInlineLimit: 0 },
    }),
};

for (const name of process.argv.slice(2)) await makes[name]?.();
