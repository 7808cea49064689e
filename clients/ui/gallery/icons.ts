import type { IconNode } from "../src/index.ts";

const path = (...all: string[]): IconNode => all.map((d) => ["path", { d }]);

export const star = path("m12 4 2.5 5.2 5.7.8-4.1 4 1 5.7-5.1-2.8-5.1 2.8 1-5.7-4.1-4 5.7-.8Z");
export const more: IconNode = [5, 12, 19].map((x) => ["path", { d: `M${x} 12h.01`, "stroke-width": 3 }]);
export const person = path("M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z", "M4.5 20.5a7.5 7.5 0 0 1 15 0");
export const clock = path("M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z", "M12 7.5V12l3 2");
export const mail = path("M4 6h16v12H4Z", "m4 7 8 6 8-6");
export const stop = path("M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z", "M6 6l12 12");
export const tick = path("m5 12.5 4.5 4.5L19 7.5");
export const send = path("M12 19V5", "M5.5 11.5 12 5l6.5 6.5");
