/**
 * Builds `clients/dist`:
 *
 *   widget.js            the loader, a classic script that knows the panel's file
 *   assets/…             the panel, its languages, the frame's script, the site's page; names with a hash of what is in them
 *   widget/frame.html    the panel in an iframe
 *   index.html           the page for a newcomer
 *
 * and a `.gz` and `.br` beside each text file.
 */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { type BuildOptions, type InlineConfig, type Plugin, type Rollup, build } from "vite";

const here = import.meta.dirname;
const TEXT = /\.(?:js|css|html|svg|json|txt)$/;

export interface Target {
  out: string;
  /** Instead of the real SDK, for pictures and tests of views. */
  sdk?: string;
  site?: string;
}

const common = ({ sdk }: Target): InlineConfig => ({
  configFile: false,
  logLevel: "warn",
  base: "./",
  resolve: { conditions: ["switchboard-source", "module", "browser"], alias: sdk ? { "@switchboard/sdk": sdk } : {} },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});

/**
 * Instead of vite's own code around each `import()`: there are no style sheets to wait for, and a stranger's page would hear of
 * a chunk that did not come as `vite:preloadError`, at which pages that are built with vite load themselves again.
 */
const plainImports: Plugin = {
  name: "plain-imports",
  enforce: "pre",
  load: (id) => (id === "\0vite/preload-helper.js" ? "export const __vitePreload = (load) => load();" : null),
};

/** What is the widget's own goes beside the rest: neither its folder nor what is public there is taken. */
const ours = (target: Target, define: Record<string, string>, options: BuildOptions): InlineConfig => ({
  ...common(target),
  root: here,
  publicDir: false,
  plugins: [plainImports],
  define,
  build: { outDir: target.out, emptyOutDir: false, target: "es2022", ...options },
});

async function chunks(config: InlineConfig): Promise<Rollup.OutputChunk[]> {
  const result = (await build(config)) as Rollup.RollupOutput | Rollup.RollupOutput[];
  return [result].flat().flatMap(({ output }) => output.filter((part) => part.type === "chunk"));
}

/** A module with a hash in its name, in one file with all that it needs at once. */
async function buildModule(target: Target, name: string, source: string, define: Record<string, string> = {}): Promise<string> {
  const rollupOptions: BuildOptions["rollupOptions"] = {
    input: { [name]: join(here, source) },
    preserveEntrySignatures: "allow-extension",
    output: { format: "es", entryFileNames: "assets/[name]-[hash].js", chunkFileNames: "assets/[name]-[hash].js" },
  };
  const output = await chunks(ours(target, define, { modulePreload: false, rollupOptions }));
  const file = output.find(({ isEntry }) => isEntry)?.fileName;
  if (!file) throw new Error(`the build made no ${name}`);
  return file;
}

async function buildLoader(target: Target, define: Record<string, string>): Promise<void> {
  const entry = join(here, "src/loader/main.ts");
  await build(ours(target, define, { lib: { entry, formats: ["iife"], name: "switchboardLoader", fileName: () => "widget.js" } }));
}

async function buildSite(target: Target, root: string): Promise<void> {
  await build({
    ...common(target),
    root,
    build: { outDir: target.out, emptyOutDir: false, target: "es2022", modulePreload: false, assetsInlineLimit: 0 },
  });
}

function writeFrame(out: string, script: string): void {
  mkdirSync(join(out, "widget"), { recursive: true });
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Chat</title>
<script type="module" src="../${script}"></script>
</head>
<body></body>
</html>
`;
  writeFileSync(join(out, "widget/frame.html"), page);
}

/** The server sends these as they are: nothing is compressed at run time. */
function compress(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !TEXT.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path);
    writeFileSync(`${path}.gz`, gzipSync(text, { level: 9 }));
    writeFileSync(`${path}.br`, brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
  }
}

export async function buildAll(target: Target): Promise<void> {
  rmSync(target.out, { recursive: true, force: true });
  const panel = await buildModule(target, "widget", "src/panel/mount.tsx");
  const define = { PANEL_FILE: JSON.stringify(panel) };
  const frame = await buildModule(target, "frame", "src/frame/frame.ts", define);
  const frameHost = await buildModule(target, "frame-host", "src/page/frame-host.ts");
  await buildLoader(target, { ...define, FRAME_HOST_FILE: JSON.stringify(frameHost) });
  writeFrame(target.out, frame);
  if (target.site) await buildSite(target, target.site);
  compress(target.out);
}

if (import.meta.main) await buildAll({ out: join(dirname(here), "dist"), site: join(dirname(here), "site") });
