import { ok } from "node:assert/strict";
import { type Scenario, arrive, fresh } from "./scenario.ts";

export const PHONE: Scenario = {
  name: "a phone's window: the panel fills it, nothing is cut off",
  async run(stage) {
    const { widget } = await arrive(stage, { size: { width: 390, height: 760, isPhone: true } });
    await widget.open();
    const { panel, composer, page, size, isScrolled } = await widget.ask((root) => {
      const box = (selector: string) => {
        const { left, top, right, bottom } = root.querySelector(selector)?.getBoundingClientRect() ?? new DOMRect();
        return { left, top, right, bottom };
      };
      return {
        panel: box(".panel"),
        composer: box(".send"),
        page: { width: innerWidth, height: innerHeight },
        size: parseFloat(getComputedStyle(root.querySelector("textarea") ?? document.body).fontSize),
        isScrolled: (root.querySelector(".panel")?.scrollWidth ?? 0) > (root.querySelector(".panel")?.clientWidth ?? 0),
      };
    });
    const told = JSON.stringify({ panel, composer, page });
    ok(panel.left <= 1 && panel.top <= 1 && panel.right >= page.width - 1 && panel.bottom >= page.height - 1, `the panel fills the window: ${told}`);
    ok(composer.right <= page.width && composer.bottom <= page.height, `the button to send is in sight: ${told}`);
    ok(size >= 16, `a field of ${size} px would make iOS zoom`);
    ok(!isScrolled, "nothing is wider than the panel");
    const text = fresh("from a phone with a_very_long_word_that_has_no_place_to_break_in_it_and_would_push_everything_aside");
    await widget.write(text);
    await widget.shows(text);
    await widget.hasTick("Sent");
    await widget.click("[aria-label='Close chat']");
    await widget.isClosed();
  },
};
