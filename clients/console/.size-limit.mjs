/** What the page names is what the first route loads; languages and the pages of admins come later. */
import { readFileSync } from "node:fs";

const page = new URL("../dist/console/index.html", import.meta.url);
const files = [...readFileSync(page, "utf8").matchAll(/(?:src|href)="(\.\.\/assets\/[^"]+)"/g)].map(([, path]) => `../dist/console/${path}`);

export default [
  {
    name: "first route: page, scripts and styles",
    path: ["../dist/console/index.html", ...files],
    limit: "150 kB",
    gzip: true,
    disablePlugins: ["@size-limit/esbuild"],
  },
];
