import { until, SOON_MS } from "../wait.ts";
import { type Scenario, arrive, fresh } from "./scenario.ts";

export const TABS: Scenario = {
  name: "two tabs: one connection; the leader closed, the other goes on",
  async run(stage) {
    const { operator, server } = stage;
    const isConnected = (times: number) => until(`connections: ${times}`, SOON_MS, async () => (await server.connections()) === times, async () => `there are ${await server.connections()}`);
    await isConnected(0);
    const { widget: first, again } = await arrive(stage);
    await first.open();
    const hello = fresh("Hello from the first");
    await first.write(hello);
    await first.hasTick("Sent");
    await isConnected(1);
    const session = await operator.sessionWith(hello);
    const second = await again();
    await second.open();
    await second.shows(hello);
    await operator.say(session, "to both");
    await second.shows(hello, "to both");
    await first.shows(hello, "to both");
    const answer = fresh("from the second");
    await second.write(answer);
    await second.hasTick("Sent");
    await first.shows(hello, "to both", answer);
    await isConnected(1);
    await first.tab.close();
    await operator.say(session, "to the other");
    await second.shows(hello, "to both", answer, "to the other");
    const last = fresh("still here");
    await second.write(last);
    await second.hasTick("Sent");
    await second.shows(hello, "to both", answer, "to the other", last);
    await isConnected(1);
  },
};
