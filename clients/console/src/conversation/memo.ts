import { Component, type ComponentChildren, createElement, type FunctionComponent } from "preact";

/** A component that is drawn anew only where a property is another one. */
export function memo<P extends object>(draw: (props: P) => ComponentChildren): FunctionComponent<P> {
  const Drawn = draw as FunctionComponent<P>;
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const before = this.props as P;
      return (Object.keys(next) as (keyof P)[]).some((name) => name !== ("children" as keyof P) && next[name] !== before[name]);
    }

    override render(props: P) {
      return createElement(Drawn, props as P);
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
