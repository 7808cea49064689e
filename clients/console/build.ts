/**
 * Builds the console into `clients/dist`, beside the widget: `console/index.html`, and its scripts and styles in `assets/`.
 *
 * The widget's build empties that folder, so it comes first: npm builds the workspaces in their order.
 */
import { readFileSync, rmSync, globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { type Plugin, build } from "vite";

const here = import.meta.dirname;
const clients = join(here, "..");
/** Those that know `light-dark()`; for older ones the build would write every colour twice. */
const cssTarget = ["chrome123", "firefox121", "safari17.5", "ios17.5"];

/** The widget's panel, as the preview of a site shows it, has the preview's stand-in for the SDK. */
export const previewSdk: Plugin = {
  name: "preview-sdk",
  enforce: "pre",
  resolveId: (source, importer) => (source === "@switchboard/sdk" && importer?.includes("/widget/src/") ? join(here, "src/sites/preview-sdk.ts") : null),
};

export async function buildConsole(out: string): Promise<void> {
  for (const old of globSync(["console/**", "assets/console[.-]*"], { cwd: out })) rmSync(join(out, old), { force: true, recursive: true });
  await build({
    configFile: false,
    logLevel: "warn",
    // The page lies in a folder of its own, under whatever path the server has.
    base: "./",
    root: clients,
    publicDir: false,
    plugins: [previewSdk],
    resolve: { conditions: ["switchboard-source", "module", "browser"] },
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir: out,
      emptyOutDir: false,
      target: "es2022",
      cssTarget,
      // The page names all that it needs at once: nothing is found late.
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      rollupOptions: {
        input: { console: join(here, "index.html") },
        output: {
          entryFileNames: "assets/console-[hash].js",
          chunkFileNames: "assets/console.[name]-[hash].js",
          assetFileNames: "assets/console.[name]-[hash][extname]",
        },
      },
    },
  });
  compress(out);
}

/** The server sends these as they are: nothing is compressed at run time. */
function compress(out: string): void {
  for (const name of globSync(["console/index.html", "assets/console[.-]*.{js,css,svg}"], { cwd: out })) {
    const path = join(out, name);
    const text = readFileSync(path);
    writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
    writeFileSync(`${path}.br`, brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
}

if (import.meta.main) await buildConsole(join(clients, "dist"));
