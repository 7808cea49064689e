/** Builds the widget over `stub-sdk.ts` into `widget/dist/stub`: views with fixed states. */
import { join } from "node:path";
import { buildAll } from "../build.ts";

const widget = join(import.meta.dirname, "..");
await buildAll({ out: join(widget, "dist/stub"), sdk: join(widget, "dev/stub-sdk.ts") });
