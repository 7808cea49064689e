import "./skeleton.css";

interface Props {
  /** Of the shape of what comes. */
  shape?: "line" | "block" | "circle";
  width?: string;
  height?: string;
}

/** Shows itself only after 200 ms: what comes at once does not flash. The view that waits has `aria-busy`. */
export const Skeleton = ({ shape = "line", width, height }: Props) => (
  <span class={`ui-skeleton ui-${shape}`} style={{ width, height }} aria-hidden="true" />
);
