import { FRAME } from "./frame.ts";
import { HOSTILE } from "./hostile.ts";
import { KEYBOARD } from "./keyboard.ts";
import { KILLED } from "./killed.ts";
import { PHONE } from "./phone.ts";
import { PICTURES } from "./pictures.ts";
import type { Scenario } from "./scenario.ts";
import { TABS } from "./tabs.ts";
import { TALK } from "./talk.ts";

export const ALL: Scenario[] = [TALK, KEYBOARD, TABS, KILLED, PHONE, ...FRAME, ...HOSTILE, PICTURES];
