import type { Check } from "./check.ts";

const MARKS: { readonly [verdict in Check["verdict"]]: string } = {
  ok: "✓",
  warning: "!",
  failure: "✗",
  skipped: "·",
};

/** What people see: a line for each check, and under what is wrong what to do. */
export function doctorText(checks: readonly Check[]): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, verdict, detail, remedy }) => [
    `${MARKS[verdict]} ${name.padEnd(width)}  ${detail}`,
    ...(remedy === null ? [] : [`  ${" ".repeat(width)}  → ${remedy}`]),
  ]);
  return `${lines.join("\n")}\n\n${conclusion(checks)}`;
}

function conclusion(checks: readonly Check[]): string {
  const count = (verdict: Check["verdict"]) => checks.filter((check) => check.verdict === verdict).length;
  const [failures, warnings] = [count("failure"), count("warning")];
  const warned = warnings === 0 ? "" : ` ${warnings} ${warnings === 1 ? "thing" : "things"} could be better.`;
  if (failures === 0) return `All that is needed is there.${warned}`;
  return `${failures} ${failures === 1 ? "thing needs" : "things need"} mending.${warned}`;
}
