import { equal } from "node:assert/strict";
import { type Scenario, arrive, fresh } from "./scenario.ts";

const stored = "localStorage.length + sessionStorage.length + document.cookie.length";

export const TALK: Scenario = {
  name: "a talk: sent, delivered, read, answered, counted, kept",
  isForEachShape: true,
  isShort: true,
  async run(stage) {
    const { operator } = stage;
    const { widget } = await arrive(stage);
    await widget.open();
    equal(await widget.tab.run("page", stored), 0, "nothing is stored before a word");
    const question = fresh("Where is my lamp?");
    await widget.write(question);
    await widget.shows(question);
    await widget.hasTick("Sent");
    const session = await operator.sessionWith(question);
    const [message] = await operator.messages(session);
    await operator.mark(session, "delivered", message?.id ?? 0);
    await widget.hasTick("Delivered");
    await operator.mark(session, "read", message?.id ?? 0);
    await widget.hasTick("Read");
    await operator.say(session, "It left on Friday.");
    await widget.shows(question, "It left on Friday.");
    // What is in sight for a second is read.
    await widget.hasBadge(0);

    await widget.click("[aria-label='Close chat']");
    await widget.isClosed();
    await operator.say(session, "It comes on Monday.");
    await operator.say(session, "Before noon.");
    await widget.hasBadge(2);
    const isBeside = () => widget.see("the newest answer is beside the launcher", (root) => root.querySelector(".preview .lines")?.textContent === "Before noon.");
    await isBeside();
    await widget.tab.reload();
    await widget.hasBadge(2);
    await isBeside();
    await widget.click(".preview .answer");
    await widget.isOpen();
    await widget.shows(question, "It left on Friday.", "It comes on Monday.", "Before noon.");
    await widget.hasBadge(0);
  },
};
