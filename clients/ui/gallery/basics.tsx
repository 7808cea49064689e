import { useSignal } from "@preact/signals";
import { Avatar, Badge, Button, IconButton, Kbd, Skeleton, Switch, TextField, most } from "../src/index.ts";
import { clock, send, star } from "./icons.ts";
import { Section } from "./section.tsx";
import { did } from "./state.ts";
import type { Texts } from "./texts.ts";

const GROUNDS = ["ground", "surface", "raised", "hover", "active", "accent-soft", "danger-soft", "success-soft", "warning-soft"];
const FILLED = ["accent", "danger"];

export const Colours = ({ t }: { t: Texts }) => (
  <Section title={t.colours}>
    <div class="swatches" dir="ltr">
      {GROUNDS.map((name) => (
        <span key={name} class="swatch" style={{ background: `var(--ui-${name})` }}>{name}</span>
      ))}
      {FILLED.map((name) => (
        <span key={name} class="swatch" style={{ background: `var(--ui-${name})`, color: `var(--ui-on-${name})` }}>{name}</span>
      ))}
    </div>
  </Section>
);

export const Type = ({ t }: { t: Texts }) => (
  <Section title={t.type}>
    <div class="types">
      {(["large", "title", "body", "small"] as const).map((name) => (
        <p key={name} style={{ font: `var(--ui-type-${name})` }}>{t.dialogTitle}</p>
      ))}
      <p class="soft">{t.dialogText}</p>
    </div>
  </Section>
);

export const Buttons = ({ t }: { t: Texts }) => (
  <Section title={t.buttons}>
    <div class="line">
      <Button tone="primary" icon={send} onClick={() => did("reply")}>{t.reply}</Button>
      <Button onClick={() => did("assign")}>{t.assign}</Button>
      <Button tone="quiet" icon={clock}>{t.quiet}</Button>
      <Button tone="danger">{t.remove}</Button>
      <Button disabled>{t.disabled}</Button>
    </div>
    <div class="line">
      <Button size="small">{t.small}</Button>
      <Button size="small" tone="quiet">{t.small}</Button>
      <IconButton icon={star} label={t.star} />
      <IconButton icon={star} label={t.star} aria-pressed />
      <IconButton icon={star} label={t.star} size="small" tone="plain" />
    </div>
  </Section>
);

export function Fields({ t }: { t: Texts }) {
  const name = useSignal("Ana");
  const email = useSignal("ana@");
  const note = useSignal("");
  return (
    <Section title={t.fields}>
      <div class="stack">
        <TextField label={t.name} hint={t.nameHint} value={name.value} onText={(text) => void (name.value = text)} />
        <TextField label={t.email} type="email" value={email.value} error={email.value.endsWith("@") ? t.emailError : undefined} onText={(text) => void (email.value = text)} />
        <TextField label={t.note} lines={2} placeholder={t.placeholder} value={note.value} onText={(text) => void (note.value = text)} />
      </div>
    </Section>
  );
}

export function People({ t }: { t: Texts }) {
  const sound = useSignal(true);
  const desktop = useSignal(false);
  return (
    <Section title={t.info}>
      <div class="line">
        <Avatar id="1" name="Ana Silva" presence="online" size={32} />
        <Avatar id="2" name="Omar Haddad" presence="away" size={32} />
        <Avatar id="4" name="Li Wei" presence="offline" size={32} />
        {["5", "6", "7", "8", "9"].map((id) => <Avatar key={id} id={id} name={`V ${id}`} />)}
      </div>
      <div class="line">
        <Badge>{most(7)}</Badge>
        <Badge tone="accent" label={`${t.unread}: 128`}>{most(128)}</Badge>
        <Badge tone="danger">{t.failed}</Badge>
        <Badge tone="success">{t.saved}</Badge>
        <Badge tone="warning">{t.note}</Badge>
        <Kbd keys="mod+k" />
        <Kbd keys="g i" />
      </div>
      <div class="stack tight">
        <Switch checked={sound.value} onChange={(on) => void (sound.value = on)}>{t.sound}</Switch>
        <Switch checked={desktop.value} onChange={(on) => void (desktop.value = on)}>{t.desktop}</Switch>
        <Switch checked disabled onChange={() => undefined}>{t.forced}</Switch>
      </div>
    </Section>
  );
}

export function Waiting({ t }: { t: Texts }) {
  const round = useSignal(0);
  return (
    <Section title={t.loading}>
      <div key={round.value} class="waiting">
        <Skeleton shape="circle" width="32px" height="32px" />
        <div class="stack tight">
          <Skeleton width="40%" />
          <Skeleton width="85%" />
        </div>
      </div>
      <Button size="small" onClick={() => void (round.value += 1)}>{t.waits}</Button>
    </Section>
  );
}
