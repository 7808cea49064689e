const PATHS = {
  close: "M6 6l12 12M18 6 6 18",
  back: "M15 5l-7 7 7 7",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7.5V12l3 2",
  sent: "m5 12.5 4.5 4.5L19 7.5",
  twice: "m2 12.5 4.5 4.5L16 7.5M11 16.5l.5.5L21 7.5",
  failed: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 8v4.5M12 16h.01",
  copy: "M9 9h11v11H9zM15 5V4H4v11h1",
  down: "m6 9.5 6 6 6-6",
  plus: "M12 5v14M5 12h14",
  list: "M4 6h16M4 12h16M4 18h10",
};
export type IconName = keyof typeof PATHS;

export const Icon = ({ name, size = 20 }: { name: IconName; size?: number }) => (
  <svg viewBox="0 0 24 24" width={size} height={size} class={`icon i-${name}`} aria-hidden="true">
    <path d={PATHS[name]} />
  </svg>
);
