import { ok } from "node:assert/strict";
import { type Scenario, arrive, fresh } from "./scenario.ts";

const atLauncher = `document.activeElement?.shadowRoot?.activeElement?.classList.contains("launcher") === true`;

export const KEYBOARD: Scenario = {
  name: "keyboard alone: to the launcher, in, a message, out, focus back",
  async run(stage) {
    const { widget } = await arrive(stage);
    await widget.launcherIsShown();
    let tabs = 0;
    do {
      ok(++tabs < 12, "Tab does not come to the launcher");
      await widget.press("Tab");
    } while ((await widget.tab.run("page", atLauncher)) !== true);
    await widget.press("Enter");
    await widget.isOpen();
    await widget.fieldHasFocus();
    const text = fresh("without a mouse");
    await widget.tab.type(text);
    await widget.press("Enter");
    await widget.shows(text);
    await widget.hasTick("Sent");
    await widget.fieldHasFocus();
    await widget.press("Escape");
    await widget.isClosed();
    ok(await widget.tab.run("page", atLauncher), "the focus is not at the launcher again");
  },
};
