import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export function Section({ title, wide, children }: { title: string; wide?: boolean; children: ComponentChildren }) {
  const id = useId();
  return (
    <section aria-labelledby={id} class={wide ? "wide" : undefined}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}
