import type { Field, Need } from "./fault.ts";
import type { PlainKey } from "./i18n.ts";
import type { Model } from "./model.ts";


/** What is asked of the visitor before the first message. */
export function needs(model: Model): Record<Field, Need> {
  const asked = model.site?.prechat ?? { name: "off", email: "off" };
  // Nobody is there to answer at once: an address to write to helps, but nobody must give one.
  const email = asked.email === "off" && !model.isOnline ? "optional" : asked.email;
  return { name: model.knows("name") ? "off" : asked.name, email: model.knows("email") ? "off" : email };
}

interface FieldsProps {
  model: Model;
  values: Record<Field, string>;
  faults: Partial<Record<Field, PlainKey | null>>;
  onChange(field: Field, value: string): void;
}

/** Name and e-mail over the composer of a first message. */
export const ContactFields = ({ model, values, faults, onChange }: FieldsProps) => {
  const { words } = model;
  const asked = needs(model);
  const fields = (["name", "email"] as const).filter((field) => asked[field] !== "off");
  if (fields.length === 0) return null;
  return (
    <div class="fields">
      {fields.map((field) => {
        const problem = faults[field];
        return (
          <div class="field" key={field}>
            <label for={`sb-${field}`}>
              {words.say(field)} {asked[field] === "optional" && <span class="soft">({words.say("optional")})</span>}
            </label>
            <input
              id={`sb-${field}`}
              type="text"
              inputMode={field === "email" ? "email" : "text"}
              name={field}
              autocomplete={field}
              dir="auto"
              maxLength={field === "email" ? 254 : 200}
              value={values[field]}
              required={asked[field] === "required"}
              aria-invalid={problem ? true : undefined}
              aria-describedby={problem ? `sb-${field}-fault` : undefined}
              onInput={({ currentTarget }) => onChange(field, currentTarget.value)}
            />
            {problem && <p class="fault" id={`sb-${field}-fault`} role="alert">{words.say(problem)}</p>}
          </div>
        );
      })}
    </div>
  );
};
