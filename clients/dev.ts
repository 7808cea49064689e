/**
 * `make dev`: the clients from their sources, and everything else from the server at SWITCHBOARD_URL.
 *
 * The paths are those of the built clients: `/` is the site's page, `/widget.js` the loader, built anew for each request, and
 * `/widget/frame` the panel in a page, `/console/` the operators' console. Modules come one by one, as vite serves them. `/ui` is
 * the page of the kit's primitives, which the built clients do not have.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { previewSdk } from "./console/build.ts";
import { type InlineConfig, type Plugin, type Rollup, build, createServer } from "vite";

const clients = import.meta.dirname;
const site = join(clients, "site");
const widget = join(clients, "widget");
const operators = join(clients, "console");
const gallery = join(clients, "ui/gallery");
const server = process.env.SWITCHBOARD_URL ?? "http://127.0.0.1:8080";
const port = Number(process.env.DEV_PORT ?? 5173);

/** Where vite serves a file that is not of the site. */
const at = (path: string) => `@fs${join(widget, path)}`;

const common: InlineConfig = {
  configFile: false,
  resolve: { conditions: ["switchboard-source", "module", "browser"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  define: {
    PANEL_FILE: JSON.stringify(at("src/panel/mount.tsx")),
    FRAME_HOST_FILE: JSON.stringify(at("src/page/frame-host.ts")),
  },
};

/** A classic script, which vite alone would serve as a module. */
async function loader(): Promise<string> {
  const lib = { entry: join(widget, "src/loader/main.ts"), formats: ["iife" as const], name: "switchboardLoader" };
  const config: InlineConfig = { ...common, root: widget, publicDir: false, logLevel: "warn", build: { write: false, lib } };
  const [output] = [await build(config)].flat() as Rollup.RollupOutput[];
  return output.output[0].code;
}

const frame = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Chat</title><script type="module" src="/${at("src/frame/frame.ts")}"></script></head>
<body></body>
</html>
`;

const widgetAtItsPaths: Plugin = {
  name: "widget-at-its-paths",
  configureServer({ middlewares }) {
    middlewares.use((request, response, next) => {
      const answer = (type: string, text: string) => response.setHeader("Content-Type", `${type}; charset=utf-8`).end(text);
      const path = request.url?.split("?")[0];
      if (path === "/widget.js") loader().then((code) => answer("text/javascript", code), next);
      else if (path === "/widget/frame") answer("text/html", frame);
      else next();
    });
  },
};

const galleryAtItsPath: Plugin = {
  name: "gallery-at-its-path",
  configureServer({ middlewares, transformIndexHtml }) {
    middlewares.use((request, response, next) => {
      const path = request.url?.split("?")[0];
      if (path !== "/ui" && path !== "/ui/") {
        next();
        return;
      }
      const page = readFileSync(join(gallery, "index.html"), "utf8").replace("./main.tsx", `/@fs${join(gallery, "main.tsx")}`);
      transformIndexHtml("/ui", page).then((html) => response.setHeader("Content-Type", "text/html; charset=utf-8").end(html), next);
    });
  },
};

const consoleAtItsPath: Plugin = {
  name: "console-at-its-path",
  configureServer({ middlewares, transformIndexHtml }) {
    middlewares.use((request, response, next) => {
      const path = request.url?.split("?")[0];
      if (path === "/console") response.writeHead(301, { location: "/console/" }).end();
      else if (path !== "/console/") next();
      else {
        const page = readFileSync(join(operators, "index.html"), "utf8").replaceAll('"./', `"/@fs${operators}/`);
        transformIndexHtml("/console/", page).then((html) => response.setHeader("Content-Type", "text/html; charset=utf-8").end(html), next);
      }
    });
  },
};

const vite = await createServer({
  ...common,
  root: site,
  plugins: [previewSdk, widgetAtItsPaths, consoleAtItsPath, galleryAtItsPath],
  server: {
    host: "127.0.0.1",
    port,
    strictPort: true,
    // The widget is for pages of all origins.
    cors: { origin: "*" },
    fs: { allow: [clients] },
    proxy: {
      // All but `/`, which is also vite's own socket, and what vite serves.
      "^/(?!$|\\?|@|node_modules/|console/?$|widget(?:/|\\.js))": {
        target: server,
        ws: true,
        bypass: ({ url = "/" }) => (existsSync(join(site, url.split("?")[0])) ? url : undefined),
      },
    },
  },
});
await vite.listen();
vite.printUrls();
