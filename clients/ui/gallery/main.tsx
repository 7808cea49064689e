/** One page with all of the kit. `?theme=dark&language=ar` opens it so. */
import { useSignal, useSignalEffect } from "@preact/signals";
import { render } from "preact";
import { Button, Switch, type Theme, Toaster, Tooltips, Words, setTheme } from "../src/index.ts";
import { Buttons, Colours, Fields, People, Type, Waiting } from "./basics.tsx";
import { Comboboxes, Tabbed, Tipping, Toasting, toasts } from "./choices.tsx";
import { Conversations } from "./conversations.tsx";
import { Dialogs, Menus } from "./layers.tsx";
import { last } from "./state.ts";
import { type Language, kitWords, texts } from "./texts.ts";
import "./gallery.css";

const asked = new URLSearchParams(location.search);
const THEMES = ["light", "dark", "system"] as const;

function Gallery() {
  const theme = useSignal<Theme>(THEMES.find((name) => name === asked.get("theme")) ?? "system");
  const language = useSignal<Language>(asked.get("language") === "ar" ? "ar" : "en");
  useSignalEffect(() => setTheme(theme.value));
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.documentElement.dir = language.value === "ar" ? "rtl" : "ltr";
  });
  const t = texts[language.value];
  return (
    <Words.Provider value={kitWords[language.value]}>
      <header>
        <div>
          <h1>{t.title}</h1>
          <p class="soft">{t.lead}</p>
        </div>
        <div class="line" role="group" aria-label={t.theme}>
          {THEMES.map((name) => (
            <Button key={name} size="small" tone="quiet" aria-pressed={theme.value === name} onClick={() => void (theme.value = name)}>{t[name]}</Button>
          ))}
          <Switch checked={language.value === "ar"} onChange={(on) => void (language.value = on ? "ar" : "en")}>{t.direction}</Switch>
        </div>
      </header>
      <main>
        <Buttons t={t} />
        <Fields t={t} />
        <Menus t={t} />
        <Dialogs t={t} />
        <Comboboxes t={t} />
        <Tabbed t={t} />
        <Toasting t={t} />
        <Tipping t={t} />
        <People t={t} />
        <Waiting t={t} />
        <Conversations t={t} />
        <Colours t={t} />
        <Type t={t} />
        <Tooltips />
      </main>
      <footer class="soft">
        {t.last}: <output id="last">{last.value}</output>
      </footer>
      <Toaster toasts={toasts} />
    </Words.Provider>
  );
}

render(<Gallery />, document.body);
