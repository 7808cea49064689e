/**
 * A list of thousands of rows of one height, of which only those in sight are in the page.
 *
 * The list itself has the focus and names its active row by `aria-activedescendant`. It is drawn at most once a frame, however
 * often its items change.
 */
import { type ReadonlySignal, effect } from "@preact/signals";
import { Component, type ComponentChildren } from "preact";
import { keepOrder, shift } from "./order.ts";
import { Row, type RowState } from "./row.tsx";
import "./list.css";

export interface ListProps<T> {
  label: string;
  /** The same signal for as long as the list lives: another list is another `key`. */
  items: ReadonlySignal<readonly T[]>;
  /** Without spaces: it is a part of an element's id. */
  keyOf(item: T): string;
  /** In px. */
  rowHeight: number;
  /** The same function each time, or all rows are drawn anew. */
  row(item: T, state: RowState): ComponentChildren;
  /** The keys of what is open or chosen. */
  selected?: ReadonlySet<string>;
  /** With it several may be chosen: by Space, Ctrl or Cmd + click, and Shift + click for all between. */
  onSelect?(keys: string[]): void;
  /** Enter or a click. */
  onOpen?(item: T): void;
  onActive?(item: T): void;
  /** The end of the rows is in sight, or near. It may be said again and again. */
  onEnd?(): void;
  /** The order stays while the pointer is over the list; what moved moves when it leaves. */
  holdsOrder?: boolean;
  empty?: ComponentChildren;
  /** Is given the list when it is there: Preact 11 gives components no `ref`. */
  handle?(list: List<T>): void;
}

const SPARE_ROWS = 6;
/** So many rows before the end it is near. */
const END_ROWS = 12;
const NONE: ReadonlySet<string> = new Set();
let lists = 0;

export class List<T> extends Component<ListProps<T>> {
  readonly #id = `ui-list-${(lists += 1)}`;
  #box: HTMLDivElement | null = null;
  #top = 0;
  #height = 600;
  #frame = 0;
  #end: (() => void) | undefined;
  /** What the list has, and what it shows: the same, unless the order is held. */
  #items: readonly T[] = [];
  #rows: readonly T[] = [];
  #gone = NONE;
  #isHeld = false;
  #active = -1;
  #activeKey: string | undefined;
  #seen = new Map<string, number>();
  /** The box scrolls to `#top` once its rows are drawn. */
  #hasMoved = false;

  /** The key of the row that keys act on. */
  get active(): string | undefined {
    return this.#activeKey;
  }

  focus(): void {
    this.#box?.focus({ preventScroll: true });
  }

  /** For keys that the list does not know, as `j` and `k`. */
  move(steps: number): void {
    this.#go(this.#active < 0 ? 0 : this.#active + steps);
  }

  activate(key: string): void {
    this.#go(this.#indexOf(key));
  }

  /** Applies what waits for the pointer: after an action of the operator's own. */
  settle(): void {
    this.#take(this.props.items.peek(), false);
    this.forceUpdate();
  }

  override componentWillMount(): void {
    this.#take(this.props.items.peek(), false);
  }

  override componentDidMount(): void {
    const box = this.#box;
    if (!box) return;
    this.props.handle?.(this);
    const sizes = new ResizeObserver(() => {
      this.#height = box.clientHeight;
      this.#draw();
    });
    sizes.observe(box);
    this.#tellEnd();
    const unfollow = effect(() => {
      void this.props.items.value;
      this.#draw();
    });
    this.#end = () => {
      sizes.disconnect();
      unfollow();
      cancelAnimationFrame(this.#frame);
    };
  }

  override componentDidUpdate(): void {
    if (this.#hasMoved && this.#box) this.#box.scrollTop = this.#top;
    this.#hasMoved = false;
    this.#tellEnd();
  }

  #tellEnd(): void {
    const { onEnd, rowHeight } = this.props;
    if (onEnd && (this.#top + this.#height) / rowHeight > this.#rows.length - END_ROWS) onEnd();
  }

  override componentWillUnmount(): void {
    this.#end?.();
  }

  #draw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const items = this.props.items.peek();
      if (items !== this.#items) this.#take(items, this.#isHeld);
      this.forceUpdate();
    });
  }

  #indexOf(key: string | undefined): number {
    const { keyOf } = this.props;
    return this.#rows.findIndex((item) => keyOf(item) === key);
  }

  #take(items: readonly T[], isHeld: boolean): void {
    const { keyOf } = this.props;
    this.#items = items;
    ({ rows: this.#rows, gone: this.#gone } = isHeld ? keepOrder(this.#rows, items, keyOf) : { rows: items, gone: NONE });
    if (!isHeld) this.#stayInSight();
    if (this.#activeKey === undefined) return;
    const index = this.#indexOf(this.#activeKey);
    if (index >= 0) this.#active = index;
    // The next row takes its place.
    else this.#setActive(Math.min(this.#active, this.#rows.length - 1));
  }

  /** What is seen stays where it is, unless the list is at its beginning. */
  #stayInSight(): void {
    if (this.#top < 1) return;
    const { keyOf, rowHeight } = this.props;
    const indexOf = new Map<string, number>();
    this.#rows.forEach((item, index) => {
      const key = keyOf(item);
      if (this.#seen.has(key)) indexOf.set(key, index);
    });
    const moved = shift(this.#seen, indexOf);
    this.#top = Math.max(0, this.#top + moved * rowHeight);
    this.#hasMoved = moved !== 0;
  }

  #setActive(index: number): void {
    const item = this.#rows[index];
    this.#active = item === undefined ? -1 : index;
    this.#activeKey = item === undefined ? undefined : this.props.keyOf(item);
    if (item !== undefined) this.props.onActive?.(item);
  }

  #go(wanted: number): void {
    const box = this.#box;
    if (this.#rows.length === 0 || !box) return;
    this.#setActive(Math.max(0, Math.min(wanted, this.#rows.length - 1)));
    const { rowHeight } = this.props;
    const top = this.#active * rowHeight;
    box.scrollTop = Math.max(top + rowHeight - box.clientHeight, Math.min(top, box.scrollTop));
    this.#top = box.scrollTop;
    this.forceUpdate();
  }

  #open(item: T | undefined): void {
    if (item !== undefined && !this.#gone.has(this.props.keyOf(item))) this.props.onOpen?.(item);
  }

  #keyed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { rowHeight, onSelect } = this.props;
    const page = Math.max(1, Math.floor(this.#height / rowHeight) - 1);
    const at = this.#active;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: Infinity, PageDown: at + page, PageUp: at - page }[event.key];
    if (to !== undefined) this.#go(to);
    else if (event.key === "Enter") this.#open(this.#rows[at]);
    else if (event.key === " " && onSelect && this.#activeKey !== undefined) onSelect([this.#activeKey]);
    else return;
    event.preventDefault();
  }

  readonly #clicked = (key: string, event: MouseEvent): void => {
    const { onSelect, keyOf } = this.props;
    const before = this.#active;
    const index = this.#indexOf(key);
    this.#setActive(index);
    this.forceUpdate();
    if (onSelect && event.shiftKey && before >= 0) {
      const between = this.#rows.slice(Math.min(before, index), Math.max(before, index) + 1).map(keyOf);
      onSelect(between.filter((one) => !this.#gone.has(one)));
    } else if (onSelect && (event.shiftKey || event.ctrlKey || event.metaKey)) onSelect([key]);
    else this.#open(this.#rows[index]);
  };

  #hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (!isHeld) this.settle();
  }

  /** Those in sight, a few around them, and the active one, which the focus needs. */
  #indices(): number[] {
    const { rowHeight } = this.props;
    const start = Math.max(0, Math.floor(this.#top / rowHeight) - SPARE_ROWS);
    const end = Math.min(this.#rows.length, Math.ceil((this.#top + this.#height) / rowHeight) + SPARE_ROWS);
    const indices = Array.from({ length: Math.max(0, end - start) }, (_, step) => start + step);
    return this.#active < 0 || indices.includes(this.#active) ? indices : [...indices, this.#active];
  }

  override render({ label, keyOf, rowHeight, row, selected, onSelect, holdsOrder, empty }: ListProps<T>) {
    const count = this.#rows.length;
    const isEmpty = count === 0 && empty !== undefined;
    const id = (key: string) => `${this.#id}-${key}`;
    this.#seen.clear();
    const rows = this.#indices().flatMap((index) => {
      const item = this.#rows[index];
      if (item === undefined) return [];
      const key = keyOf(item);
      const below = (index + 1) * rowHeight - this.#top;
      if (below > 0 && below < this.#height + rowHeight) this.#seen.set(key, index);
      return [
        <Row
          key={key}
          id={id(key)}
          name={key}
          item={item}
          gone={this.#gone.has(key)}
          index={index}
          count={count}
          height={rowHeight}
          row={row}
          active={index === this.#active}
          selected={selected?.has(key) ?? false}
          onPress={this.#clicked}
        />,
      ];
    });
    return (
      <div
        ref={(box) => void (this.#box = box)}
        class="ui-list"
        // A listbox without options is none.
        role={isEmpty ? "group" : "listbox"}
        tabIndex={0}
        aria-label={label}
        aria-multiselectable={onSelect && !isEmpty ? true : undefined}
        aria-activedescendant={this.#activeKey === undefined ? undefined : id(this.#activeKey)}
        onScroll={({ currentTarget }) => {
          this.#top = currentTarget.scrollTop;
          this.#draw();
        }}
        onKeyDown={(event) => this.#keyed(event)}
        onFocus={() => this.#active < 0 && this.#go(Math.ceil(this.#top / rowHeight))}
        onPointerEnter={() => this.#hold(holdsOrder ?? false)}
        onPointerLeave={() => this.#hold(false)}
        onPointerCancel={() => this.#hold(false)}
      >
        {isEmpty ? (
          <div class="ui-list-empty">{empty}</div>
        ) : (
          <div class="ui-list-rows" role="presentation" style={{ height: `${count * rowHeight}px` }}>
            {rows}
          </div>
        )}
      </div>
    );
  }
}
