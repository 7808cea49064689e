/** What a visitor needs a moment later: loaded when the panel has been shown, so that it opens sooner. */
import { adopt } from "../../shared/sheet.ts";
import styles from "./extras.css?inline";

export { ContactCard } from "./contact-card.tsx";
export { ConversationList } from "./conversation-list.tsx";
export { copyText } from "./copy.ts";
export { Menu } from "./menu.tsx";
export { oddOptions } from "./options.ts";
export { makeSound } from "./sound.ts";
export { stayOpen } from "./stay-open.ts";
export { ToEnd } from "./to-end.tsx";
export { Typing } from "./typing.tsx";

export const dress = (root: ShadowRoot): void => adopt(root, styles);
