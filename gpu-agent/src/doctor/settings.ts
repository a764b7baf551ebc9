import { type Check, failing, good, warning } from "./check.ts";

const NAME = "Settings";
/** Needed by an agent that takes jobs, but not for local runs. */
const FOR_SERVICE = ["CONTROL_PLANE_URL", "AGENT_TOKEN"];

/**
 * @param problems from `readConfig`, each beginning with a setting's name
 * @param given the names of the settings that are set
 * @param warnings warnings about misspelt names
 */
export function judgeSettings(
  problems: readonly string[],
  given: readonly string[],
  warnings: readonly string[],
): Check[] {
  // A machine that only runs local jobs needs neither; only one of them is a mistake.
  const runsOnlyHere = FOR_SERVICE.every((name) => !given.includes(name));
  const relevant = problems.filter(
    (problem) => !(runsOnlyHere && FOR_SERVICE.some((name) => problem.startsWith(`${name} `))),
  );
  const checks = [
    ...relevant.map((problem) =>
      failing(NAME, problem, "Correct it in .env or the environment; see docs/agent.md."),
    ),
    ...warnings.map((text) =>
      warning(NAME, text, "Rename it, or remove it if it is meant for another program."),
    ),
  ];
  if (runsOnlyHere) {
    const detail = "CONTROL_PLANE_URL and AGENT_TOKEN are not set: `run` works, `start` does not.";
    checks.push(warning(NAME, detail, "Mint a token with POST /agents, and put both into .env."));
  }
  return checks.length > 0 ? checks : [good(NAME, "valid")];
}
