/**
 * The operators' console.
 *
 *   app/           boot, where one is, the frame           account/       sign-in, links, the one login of all tabs
 *   desk/          the one store, its cache, counts        lists/         lists and how they are ordered
 *   conversation/  messages, composer, drafts              visitor/       what is known of a visitor
 *   actions/       what is done to conversations           keys/          every action with its key
 *   palette/       all of them by name                     presence/      who is there, who looks at what
 *   people/ sites/ pages of admins                         settings/      what is chosen on this browser, sound
 *   offline/       the banner, a newer version             words/         languages
 */
import { render } from "preact";
import { App } from "./app/app.tsx";
import { apply } from "./settings/settings.ts";

const root = document.getElementById("app");
if (root) void apply().then(() => render(<App />, root));
