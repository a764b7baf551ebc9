import { counted } from "@splatt/shared";
import type { Check } from "./check.ts";

const MARKS: { readonly [verdict in Check["verdict"]]: string } = {
  ok: "✓",
  warning: "!",
  failure: "✗",
  skipped: "·",
};

/** The report as text for people: a line for each check, followed by its remedy. */
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
  if (failures + warnings === 0) return "All checks passed.";
  const failed = failures === 0 ? "No check failed" : `${counted(failures, "check")} failed`;
  const warned = warnings === 0 ? "" : `, ${counted(warnings, "warning")}`;
  return `${failed}${warned}.`;
}
