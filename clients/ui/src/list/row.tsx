import { Component, type ComponentChildren } from "preact";

export interface RowState {
  active: boolean;
  selected: boolean;
  /** Only there until the pointer leaves. */
  gone: boolean;
}

interface Props<T> extends RowState {
  id: string;
  name: string;
  item: T;
  index: number;
  count: number;
  height: number;
  row(item: T, state: RowState): ComponentChildren;
  onPress(name: string, event: MouseEvent): void;
}

const COMPARED = ["item", "index", "count", "height", "row", "active", "selected", "gone"] as const;

/** Is drawn anew only where something of it changed. */
export class Row<T> extends Component<Props<T>> {
  override shouldComponentUpdate(next: Props<T>): boolean {
    return COMPARED.some((name) => next[name] !== this.props[name]);
  }

  override render({ id, name, item, index, count, height, row, active, selected, gone }: Props<T>) {
    return (
      <div
        id={id}
        class={active ? "ui-row ui-active-row" : "ui-row"}
        role="option"
        aria-selected={selected}
        aria-disabled={gone || undefined}
        aria-setsize={count}
        aria-posinset={index + 1}
        style={{ height: `${height}px`, transform: `translateY(${index * height}px)` }}
        onClick={(event) => this.props.onPress(name, event)}
      >
        {row(item, { active, selected, gone })}
      </div>
    );
  }
}
