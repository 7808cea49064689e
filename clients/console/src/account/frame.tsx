/** Around what is shown to nobody in particular: a card with the name of the product. */
import type { ComponentChildren } from "preact";
import "./frame.css";

export const Frame = ({ title, children }: { title: string; children: ComponentChildren }) => (
  <main class="entry">
    <section aria-labelledby="entry-title">
      <p class="entry-brand">
        <svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true">
          <path d="M6 6c0 9 12 3 12 12" />
          <circle cx="6" cy="5" r="3.2" />
          <circle cx="18" cy="19" r="3.2" />
        </svg>
        Switchboard
      </p>
      <h1 id="entry-title">{title}</h1>
      {children}
    </section>
  </main>
);
