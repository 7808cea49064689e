import { createElement } from "preact";

/** Tags and attributes in a box of 24, as lucide has its icons. */
export type IconNode = readonly (readonly [tag: string, attributes: Readonly<Record<string, string | number | undefined>>])[];

interface Props {
  icon: IconNode;
  size?: number;
  /** For an icon that points along the line of text. */
  mirrored?: boolean;
}

/** Only to be seen: what it means is said by the text or the label beside it. */
export const Icon = ({ icon, size = 16, mirrored = false }: Props) => (
  <svg viewBox="0 0 24 24" width={size} height={size} class={mirrored ? "ui-icon ui-mirrored" : "ui-icon"} aria-hidden="true">
    {icon.map(([tag, attributes], index) => createElement(tag, { key: index, ...attributes }))}
  </svg>
);

const path = (d: string): IconNode => [["path", { d }]];

/** What the kit itself shows. */
export const icons = {
  close: path("M6 6l12 12M18 6 6 18"),
  check: path("m5 12.5 4.5 4.5L19 7.5"),
  down: path("m7 10 5 5 5-5"),
} as const satisfies Record<string, IconNode>;
