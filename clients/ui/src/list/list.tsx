/**
 * A list of thousands of rows of one height, of which only those in sight are in the page.
 *
 * The list itself has the focus and names its active row by `aria-activedescendant`. It is drawn at most once a frame, however
 * often its items change.
 */
import { type ReadonlySignal, effect } from "@preact/signals";
import { Component, type ComponentChildren } from "preact";
import { type Place, keepPlaces, shift } from "./order.ts";
import { Row, type RowState } from "./row.tsx";
import "./list.css";

export interface ListProps<T> {
  label: string;
  items: ReadonlySignal<readonly T[]>;
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
  /** The order stays while the pointer is over the list; what moved moves when it leaves. */
  holdsOrder?: boolean;
  empty?: ComponentChildren;
}

const SPARE_ROWS = 6;
let lists = 0;

export class List<T> extends Component<ListProps<T>> {
  readonly #id = `ui-list-${(lists += 1)}`;
  #box: HTMLDivElement | null = null;
  #top = 0;
  #height = 600;
  #frame = 0;
  #end: (() => void) | undefined;
  #items: readonly T[] = [];
  /** Only while the order is held. */
  #places: Place<T>[] | null = null;
  #active: string | null = null;
  #activeIndex = -1;
  #seen = new Map<string, number>();
  /** The box scrolls to `#top` once its rows are drawn. */
  #hasMoved = false;
  #unfollow: (() => void) | undefined;
  #followed: ReadonlySignal<readonly T[]> | undefined;

  /** The key of the row that keys act on. */
  get active(): string | null {
    return this.#active;
  }

  focus(): void {
    this.#box?.focus({ preventScroll: true });
  }

  /** For keys that the list does not know, as `j` and `k`. */
  move(steps: number): void {
    this.#activate(this.#activeIndex < 0 ? 0 : this.#activeIndex + steps);
  }

  activate(key: string): void {
    this.#activate(this.#indexOf(key));
  }

  /** Applies what waits for the pointer: after an action of the operator's own. */
  settle(): void {
    if (!this.#places) return;
    this.#places = null;
    this.#takeItems(this.props.items.peek());
    this.#places = this.#hold();
    this.forceUpdate();
  }

  override componentWillMount(): void {
    this.#takeItems(this.props.items.peek());
  }

  override componentDidMount(): void {
    const box = this.#box;
    if (!box) return;
    const sizes = new ResizeObserver(() => {
      this.#height = box.clientHeight;
      this.#draw();
    });
    sizes.observe(box);
    this.#height = box.clientHeight;
    this.#follow();
    this.#end = () => sizes.disconnect();
    this.forceUpdate();
  }

  #follow(): void {
    const { items } = this.props;
    if (this.#followed === items) return;
    this.#unfollow?.();
    this.#followed = items;
    this.#unfollow = effect(() => {
      void items.value;
      this.#draw();
    });
  }

  override componentDidUpdate(): void {
    this.#follow();
    if (this.#hasMoved && this.#box) this.#box.scrollTop = this.#top;
    this.#hasMoved = false;
  }

  override componentWillUnmount(): void {
    cancelAnimationFrame(this.#frame);
    this.#unfollow?.();
    this.#end?.();
  }

  #draw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#takeItems(this.props.items.peek());
      this.forceUpdate();
    });
  }

  #count(): number {
    return this.#places?.length ?? this.#items.length;
  }

  #at(index: number): Place<T> | undefined {
    if (this.#places) return this.#places[index];
    const item = this.#items[index];
    return item === undefined ? undefined : { key: this.props.keyOf(item), item, gone: false };
  }

  #indexOf(key: string): number {
    const { keyOf } = this.props;
    return this.#places ? this.#places.findIndex((place) => place.key === key) : this.#items.findIndex((item) => keyOf(item) === key);
  }

  #takeItems(items: readonly T[]): void {
    if (items === this.#items) return;
    const { keyOf } = this.props;
    this.#items = items;
    if (this.#places) this.#places = keepPlaces(this.#places, items, keyOf);
    else this.#stayInSight();
    if (this.#active === null) return;
    const index = this.#indexOf(this.#active);
    if (index >= 0) this.#activeIndex = index;
    else this.#setActive(Math.min(this.#activeIndex, this.#count() - 1));
  }

  /** What is seen stays where it is, unless the list is at its beginning. */
  #stayInSight(): void {
    if (this.#top < 1 || !this.#box) return;
    const indexOf = new Map<string, number>();
    this.#items.forEach((item, index) => {
      const key = this.props.keyOf(item);
      if (this.#seen.has(key)) indexOf.set(key, index);
    });
    const moved = shift(this.#seen, indexOf) * this.props.rowHeight;
    if (moved === 0) return;
    this.#top = Math.max(0, this.#top + moved);
    this.#hasMoved = true;
  }

  #hold(): Place<T>[] {
    return Array.from({ length: this.#count() }, (_, index) => this.#at(index) as Place<T>);
  }

  #letGo(): void {
    if (!this.#places) return;
    this.#places = null;
    const items = this.props.items.peek();
    // Also where the items are those of before: they stood in another order.
    this.#items = [];
    this.#takeItems(items);
    this.forceUpdate();
  }

  #setActive(index: number): void {
    const place = this.#at(index);
    this.#activeIndex = place ? index : -1;
    this.#active = place?.key ?? null;
    if (place && !place.gone) this.props.onActive?.(place.item);
  }

  #activate(wanted: number): void {
    const count = this.#count();
    if (count === 0) return;
    this.#setActive(Math.max(0, Math.min(wanted, count - 1)));
    const { rowHeight } = this.props;
    const box = this.#box;
    if (box) {
      const top = this.#activeIndex * rowHeight;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + rowHeight - box.clientHeight;
      this.#top = box.scrollTop;
    }
    this.forceUpdate();
  }

  #keyed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const page = Math.max(1, Math.floor(this.#height / this.props.rowHeight) - 1);
    const to = { ArrowDown: this.#activeIndex + 1, ArrowUp: this.#activeIndex - 1, Home: 0, End: Infinity, PageDown: this.#activeIndex + page, PageUp: this.#activeIndex - page }[event.key];
    const place = this.#at(this.#activeIndex);
    if (to !== undefined) this.#activate(to);
    else if (event.key === "Enter" && place && !place.gone) this.props.onOpen?.(place.item);
    else if (event.key === " " && place && this.props.onSelect) this.props.onSelect([place.key]);
    else return;
    event.preventDefault();
  }

  readonly #clicked = (key: string, event: MouseEvent): void => {
    const { onSelect, onOpen } = this.props;
    const before = this.#activeIndex;
    const index = this.#indexOf(key);
    const place = this.#at(index);
    if (!place || place.gone) return;
    this.#setActive(index);
    this.forceUpdate();
    if (onSelect && event.shiftKey) onSelect(this.#between(before < 0 ? index : before, index));
    else if (onSelect && (event.ctrlKey || event.metaKey)) onSelect([key]);
    else onOpen?.(place.item);
  };

  #between(one: number, other: number): string[] {
    const keys: string[] = [];
    for (let index = Math.min(one, other); index <= Math.max(one, other); index++) {
      const place = this.#at(index);
      if (place && !place.gone) keys.push(place.key);
    }
    return keys;
  }

  #scrolled(): void {
    this.#top = this.#box?.scrollTop ?? 0;
    this.#draw();
  }

  #entered(): void {
    if (this.props.holdsOrder) this.#places ??= this.#hold();
  }

  #focused(): void {
    if (this.#activeIndex < 0) this.#activate(Math.ceil(this.#top / this.props.rowHeight));
  }

  /** Those in sight, a few around them, and the active one, which the focus needs. */
  #indices(): number[] {
    const { rowHeight } = this.props;
    const count = this.#count();
    const start = Math.max(0, Math.floor(this.#top / rowHeight) - SPARE_ROWS);
    const end = Math.min(count, Math.ceil((this.#top + this.#height) / rowHeight) + SPARE_ROWS);
    const indices: number[] = [];
    for (let index = start; index < end; index++) indices.push(index);
    if (this.#activeIndex >= 0 && this.#activeIndex < start) indices.unshift(this.#activeIndex);
    if (this.#activeIndex >= end && this.#activeIndex < count) indices.push(this.#activeIndex);
    return indices;
  }

  override render({ label, rowHeight, row, selected, onSelect, empty }: ListProps<T>) {
    const count = this.#count();
    const id = (key: string) => `${this.#id}-${encodeURIComponent(key)}`;
    this.#seen = new Map();
    const first = Math.floor(this.#top / rowHeight);
    const last = first + Math.ceil(this.#height / rowHeight);
    const rows = this.#indices().flatMap((index) => {
      const place = this.#at(index);
      if (!place) return [];
      if (index >= first && index <= last) this.#seen.set(place.key, index);
      return [
        <Row
          key={place.key}
          id={id(place.key)}
          place={place}
          item={place.item}
          gone={place.gone}
          index={index}
          count={count}
          height={rowHeight}
          row={row}
          active={index === this.#activeIndex}
          selected={selected?.has(place.key) ?? false}
          onPress={this.#clicked}
        />,
      ];
    });
    return (
      <div
        ref={(box) => void (this.#box = box)}
        class="ui-list"
        role="listbox"
        tabIndex={0}
        aria-label={label}
        aria-multiselectable={onSelect ? true : undefined}
        aria-activedescendant={this.#active === null ? undefined : id(this.#active)}
        onScroll={() => this.#scrolled()}
        onKeyDown={(event) => this.#keyed(event)}
        onFocus={() => this.#focused()}
        onPointerEnter={() => this.#entered()}
        onPointerLeave={() => this.#letGo()}
        onPointerCancel={() => this.#letGo()}
      >
        {count === 0 && empty ? (
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
