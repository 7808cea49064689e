import { ok } from "node:assert/strict";
import { SOON_MS, until } from "../wait.ts";
import { type Scenario, arrive, fresh } from "./scenario.ts";

export const PHONE: Scenario = {
  name: "a phone's window: the panel fills it, nothing is cut off",
  async run(stage) {
    const { widget } = await arrive(stage, { size: { width: 390, height: 760, isPhone: true } });
    await widget.open();
    let told = "";
    const fits = async () => {
      const seen = await widget.ask((root) => {
        const box = (selector: string) => {
          const { left, top, right, bottom } = root.querySelector(selector)?.getBoundingClientRect() ?? new DOMRect();
          return { left, top, right, bottom };
        };
        const { scrollWidth = 0, clientWidth = 0 } = root.querySelector(".panel") ?? {};
        return { panel: box(".panel"), send: box(".send"), width: innerWidth, height: innerHeight, isScrolled: scrollWidth > clientWidth };
      });
      told = JSON.stringify(seen);
      const { panel, send, width, height, isScrolled } = seen;
      const fills = Math.abs(panel.left) < 1 && Math.abs(panel.top) < 1 && Math.abs(panel.right - width) < 1 && Math.abs(panel.bottom - height) < 1;
      return fills && send.right <= width && send.bottom <= height && !isScrolled;
    };
    await until("the panel fills the window, and the button to send is in it", SOON_MS, fits, async () => told);
    const [isTouched, size] = await widget.ask((root) => [matchMedia("(pointer: coarse)").matches, parseFloat(getComputedStyle(root.querySelector("textarea") ?? document.body).fontSize)]) as [boolean, number];
    ok(size >= 16 || !isTouched, `a field of ${size} px would make iOS zoom`);
    const text = fresh("from a phone with a_very_long_word_that_has_no_place_to_break_in_it_and_would_push_everything_aside");
    await widget.write(text);
    await widget.shows(text);
    await widget.hasTick("Sent");
    await until("the long word is broken", SOON_MS, fits, async () => told);
    await widget.click("[aria-label='Close chat']");
    await widget.isClosed();
  },
};
