export interface Result {
  state: "ok" | "failed" | "not there";
  why: string;
  seconds: number;
}

/** Scenario by engine, as a table of Markdown; why something failed or is not there follows it. */
export function table(scenarios: string[], columns: Map<string, Map<string, Result>>, shape: string): string {
  const engines = [...columns.keys()];
  const cell = (scenario: string, engine: string): string => {
    const result = columns.get(engine)?.get(scenario);
    if (!result) return "not run";
    return result.state === "ok" ? `ok, ${result.seconds.toFixed(1)} s` : result.state;
  };
  const rows = [[shape, ...engines], ...scenarios.map((scenario) => [scenario, ...engines.map((engine) => cell(scenario, engine))])];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: string[]) => `| ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const reasons = engines.flatMap((engine) =>
    [...(columns.get(engine) ?? [])].filter(([, { why }]) => why).map(([scenario, { state, why }]) => `${engine}: ${scenario}: ${state}: ${why.split("\n").slice(0, 12).join("\n    ")}`),
  );
  const [head = [], ...body] = rows;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body.map(line), ...(reasons.length > 0 ? ["", ...reasons] : [])].join("\n");
}
