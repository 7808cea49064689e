import { equal } from "node:assert/strict";
import { type Arrival, NotThere, type Scenario, type Stage, arrive, fresh } from "./scenario.ts";

async function talksInFrame(stage: Stage, arrival: Arrival): Promise<{ reload: () => Promise<void> }> {
  const { widget } = await arrive(stage, { ...arrival, options: { isolation: "frame" }, panel: "frame" });
  await widget.open();
  equal(await widget.askLauncher((root) => root.querySelector("iframe")?.contentDocument === null), true, "the page's scripts do not reach into the frame");
  const text = fresh("from a frame");
  await widget.write(text);
  await widget.hasTick("Sent");
  const session = await stage.operator.sessionWith(text);
  await stage.operator.say(session, "seen");
  await widget.shows(text, "seen");
  const reload = async () => {
    await widget.tab.reload();
    await widget.open();
    await widget.shows(text, "seen");
    await widget.click("textarea");
    await widget.press("Escape");
    await widget.isClosed();
  };
  return { reload };
}

/** The server under the host of the page: for a browser the same site, another origin. */
const besidePage = ({ server }: Stage): string => server.url.replace("127.0.0.1", "localhost");

export const FRAME: Scenario[] = [
  {
    name: "frame: the field has the focus when the panel opens",
    async run(stage) {
      const { widget } = await arrive(stage, { options: { isolation: "frame" }, panel: "frame" });
      await widget.open();
      await widget.fieldHasFocus(5_000).catch(async (error: unknown) => {
        // Were it the widget's fault, this would help.
        await widget.ask((root) => root.querySelector("textarea")?.focus() ?? null);
        if (await widget.ask((root) => root.activeElement === null)) throw new NotThere("a frame of another site gets no focus by script before the visitor has touched it");
        throw error;
      });
    },
  },
  {
    name: "frame: a talk that a reload keeps (server of the same site)",
    async run(stage) {
      const { reload } = await talksInFrame(stage, { url: besidePage(stage) });
      await reload();
    },
  },
  {
    name: "frame: a talk (server of another site, storage partitioned or blocked)",
    run: async (stage) => void (await talksInFrame(stage, {})),
  },
  {
    name: "frame: a page with trusted-types 'none' and frame-src",
    async run(stage) {
      const { widget } = await arrive(stage, { page: "frame-policy", options: { isolation: "frame" }, panel: "frame" });
      await widget.open();
      const text = fresh("from a guarded page");
      await widget.write(text);
      await widget.hasTick("Sent");
      await widget.press("Escape");
      await widget.isClosed();
    },
  },
];
