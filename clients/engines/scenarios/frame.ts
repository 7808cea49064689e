import { equal } from "node:assert/strict";
import { type Arrival, type Scenario, type Stage, arrive, fresh } from "./scenario.ts";

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
    await widget.isOpen();
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
    name: "frame: what is typed as soon as the panel is open goes into the field",
    async run(stage) {
      const { widget } = await arrive(stage, { options: { isolation: "frame" }, panel: "frame" });
      await widget.open();
      await widget.frameHasFocus();
      const text = fresh("without a click");
      await widget.tab.type(text);
      await widget.fieldHasFocus();
      await widget.press("Enter");
      await widget.shows(text);
      await widget.press("Escape");
      await widget.isClosed();
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
