/** A role, and the sites in which it counts. */
import { useConsole } from "../app/context.ts";
import { t } from "../words/words.ts";
import { type Role, ROLES } from "./people.ts";

interface Props {
  role: Role;
  sites: readonly string[] | null;
  onRole(role: Role): void;
  onSites(sites: readonly string[] | null): void;
}

const OFFERED: readonly Role[] = ["operator", "admin"];

export function Rights({ role, sites, onRole, onSites }: Props) {
  const { desk } = useConsole();
  const all = desk.directory.names.value?.sites.filter((site) => !site.is_archived) ?? [];
  const toggle = (key: string, isOn: boolean) => onSites(isOn ? [...(sites ?? []), key] : (sites ?? []).filter((one) => one !== key));
  return (
    <>
      <label class="rights-role">
        <span>{t("role")}</span>
        <select class="ui-input" value={role} onChange={({ currentTarget }) => onRole(currentTarget.value as Role)}>
          {(OFFERED.includes(role) ? OFFERED : [role, ...OFFERED]).map((one) => (
            <option key={one} value={one}>
              {t(ROLES[one])}
            </option>
          ))}
        </select>
      </label>
      <fieldset class="rights-sites">
        <legend>{t("sites")}</legend>
        <label>
          <input type="checkbox" checked={sites === null} onChange={({ currentTarget }) => onSites(currentTarget.checked ? null : all.slice(0, 1).map(({ key }) => key))} /> {t("allSites")}
        </label>
        {sites !== null &&
          all.map(({ key, name }) => (
            <label key={key}>
              <input type="checkbox" checked={sites.includes(key)} onChange={({ currentTarget }) => toggle(key, currentTarget.checked)} /> <span dir="auto">{name}</span>
            </label>
          ))}
      </fieldset>
    </>
  );
}
