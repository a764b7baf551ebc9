import { type Check, failing, good, warning } from "./check.ts";

const NAME = "Settings";
/** What an agent needs to be given jobs, and a local run does not. */
const FOR_SERVICE = ["CONTROL_PLANE_URL", "AGENT_TOKEN"];

/**
 * @param problems as `readConfig` tells them, each beginning with a setting's name
 * @param given the names of the settings that are set
 * @param warnings about names that look misspelt
 */
export function judgeSettings(
  problems: readonly string[],
  given: readonly string[],
  warnings: readonly string[],
): Check[] {
  // A machine that is not meant to take jobs lacks both, and that is no mistake.
  const runsOnlyHere = FOR_SERVICE.every((name) => !given.includes(name));
  const relevant = problems.filter(
    (problem) => !(runsOnlyHere && FOR_SERVICE.some((name) => problem.startsWith(`${name} `))),
  );
  const checks = [
    ...relevant.map((problem) =>
      failing(NAME, problem, "Correct it in .env or in the environment; see docs/agent.md."),
    ),
    ...warnings.map((text) =>
      warning(NAME, text, "Rename it, or remove it if it is meant for another program."),
    ),
  ];
  if (runsOnlyHere) {
    const detail = "CONTROL_PLANE_URL and AGENT_TOKEN are not set: `run` works, `start` does not.";
    checks.push(warning(NAME, detail, "POST /agents mints a token; put both into .env."));
  }
  return checks.length > 0 ? checks : [good(NAME, "all are in order")];
}
