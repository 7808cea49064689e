import { deepEqual } from "node:assert/strict";
import { until } from "../wait.ts";
import { type Scenario, arrive, fresh } from "./scenario.ts";

export const KILLED: Scenario = {
  name: "killed and started again while both write: 0 lost, 0 twice, in order",
  isForEachShape: true,
  isShort: true,
  async run(stage) {
    const { operator, server } = stage;
    const { widget } = await arrive(stage);
    await widget.open();
    const mine: string[] = [];
    const theirs: string[] = [];
    const write = async (text: string) => {
      mine.push(fresh(text));
      await widget.write(mine.at(-1) ?? "");
    };
    await write("before");
    await widget.hasTick("Sent");
    const session = await operator.sessionWith(mine[0] ?? "");
    // One after the other, as an operator's client would: what is not acknowledged is sent again.
    let saying: Promise<void> = Promise.resolve();
    const say = (text: string) => {
      const body = fresh(text);
      theirs.push(body);
      saying = saying.then(() => operator.sayInAnyCase(session, body));
      saying.catch(() => undefined);
    };
    for (const part of server.parts) {
      // Still on their way when the blow falls.
      say(`${part}, the operator before`);
      await write(`${part}, the visitor before`);
      await server.kill(part);
      say(`${part}, the operator meanwhile`);
      await write(`${part}, the visitor meanwhile`);
      await write(`${part}, the visitor again`);
      const started = server.start(part);
      await write(`${part}, the visitor at the start`);
      say(`${part}, the operator at the start`);
      await started;
      await saying;
    }
    const total = mine.length + theirs.length;
    let stored: string[] = [];
    let shown: string[] = [];
    await until("everything is stored and shown", 45_000, async () => {
      stored = (await operator.messages(session)).map(({ body }) => body);
      shown = await widget.shown();
      return stored.length >= total && shown.length >= total;
    }, async () => `${total} were written; stored: ${JSON.stringify(stored)}; shown: ${JSON.stringify(shown)}`);
    await widget.hasTick("Sent");
    deepEqual(stored.filter((body) => !theirs.includes(body)), mine, "what the server has of the visitor");
    deepEqual(stored.filter((body) => !mine.includes(body)), theirs, "what the server has of the operator");
    deepEqual(await widget.shown(), stored, "what the visitor sees");
    await widget.tab.reload();
    await widget.isOpen();
    await widget.shows(...stored);
  },
};
