import { Dialog, Kbd } from "@switchboard/ui";
import { useConsole } from "../app/context.ts";
import { type PlainKey, t } from "../words/words.ts";
import { COMMANDS, type Group } from "./commands.ts";
import "./help.css";

const GROUPS: Record<Group, PlainKey> = { lists: "groupLists", conversation: "groupConversation", many: "groupMany", everywhere: "groupEverywhere" };

export function Help() {
  const { layer } = useConsole();
  return (
    <Dialog open={layer.value === "help"} onClose={() => void (layer.value = null)} title={t("keysHelp")} size="medium" closesOnBackdrop>
      <div class="help">
        {(Object.keys(GROUPS) as Group[]).map((group) => (
          <section key={group} aria-label={t(GROUPS[group])}>
            <h3>{t(GROUPS[group])}</h3>
            <dl>
              {COMMANDS.filter((one) => one.group === group && one.keys).map(({ id, label, keys }) => (
                <div key={id}>
                  <dt>{t(label)}</dt>
                  <dd>
                    <Kbd keys={keys ?? ""} />
                    <span class="ui-unseen">{keys}</span>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
