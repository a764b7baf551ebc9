import { writeFile } from "node:fs/promises";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { type ColmapPaths, loopPairs, matchFeatures, matchPairs } from "./colmap-commands.ts";
import { type ColmapJob, type ColmapStep, runCheckedStep, runStep } from "./colmap-step.ts";
import { clearMatches, countMatchedPairs } from "./feature-database.ts";
import type { PassPlan, PassReport } from "./pass.ts";
import { similarPairs } from "./similar-pairs.ts";

/** The share of sequential matching's time before distant frames are matched. */
const NEIGHBOURS_SHARE = 0.8;

/**
 * Matches the frames as the plan says.
 *
 * @param report receives the completed share, 0–1
 */
export async function matchFrames(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  report: PassReport,
): Promise<Result<void, Failure>> {
  const { matching } = plan(job.gpu.enabled);
  if (matching.kind === "pairs") return matchPairList(job, plan, paths, matching.pairs, report);
  const share = matching.kind === "sequential" ? NEIGHBOURS_SHARE : 1;
  const unit = () => (plan(job.gpu.enabled).matching.kind === "sequential" ? "frames" : "blocks");
  const step: ColmapStep = {
    name: "matching",
    commands: (hardware) => [matchFeatures(job.dialect, plan(hardware.gpu), paths, hardware)],
    onEvent: (event) => {
      if (event.kind !== "step") return;
      report((share * event.done) / event.total, `matching: ${event.done} of ${event.total} ${unit()}`);
    },
  };
  const databaseFailure = (detail: string) =>
    failure("colmap_failed", `COLMAP's database cannot be read: ${detail}.`);
  const check = () => {
    const pairs = countMatchedPairs(paths.database);
    if (!pairs.ok) return err(databaseFailure(pairs.error));
    return ok(pairs.value === 0 ? null : pairs.value);
  };
  const reset = async () => {
    const cleared = clearMatches(paths.database);
    return cleared.ok ? cleared : err(databaseFailure(cleared.error));
  };
  if (matching.kind === "similar") {
    const pairs = similarPairs(paths.database, job, matching);
    if (!pairs.ok) return err(databaseFailure(pairs.error));
    await writePairs(paths.pairs, pairs.value);
  }
  const matched = await runCheckedStep(job, step, check, reset);
  if (!matched.ok) return matched;
  if (matching.kind !== "sequential") return ok(undefined);
  const pairs = loopPairs(job.names, matching.loopStride, matching.overlap);
  return matchPairList(job, plan, paths, pairs, (fraction, message) => {
    report(share + (1 - share) * fraction, message);
  });
}

/** So few that a command ends, and reports progress, every few seconds. */
const PAIRS_PER_COMMAND = 150;

/**
 * Matches these pairs, except for pairs already matched, until `matchingEndsAt`. Pairs that cannot be matched are left
 * out: if they are needed, the model shows it.
 *
 * @param report receives the completed share, 0–1
 */
export async function matchPairList(
  job: ColmapJob,
  plan: PassPlan,
  paths: ColmapPaths,
  pairs: readonly (readonly [string, string])[],
  report: PassReport,
): Promise<Result<void, Failure>> {
  for (let from = 0; from < pairs.length; from += PAIRS_PER_COMMAND) {
    if (job.matchingEndsAt !== null && performance.now() >= job.matchingEndsAt) {
      job.context.log.warn(
        { matched: from, of: pairs.length },
        "matching took longer than expected; it ends here",
      );
      break;
    }
    report(from / pairs.length, `matching: ${from} of ${pairs.length} distant pairs`);
    await writePairs(paths.pairs, pairs.slice(from, from + PAIRS_PER_COMMAND));
    const ran = await runStep(job, {
      name: "matching of distant frames",
      commands: (hardware) => [matchPairs(job.dialect, plan(hardware.gpu), paths, hardware)],
      onEvent: () => undefined,
    });
    if (!ran.ok) return ran;
    if (ran.value.exitCode !== 0) {
      job.context.log.warn({ tail: ran.value.tail.slice(-3) }, "matching distant frames failed");
      break;
    }
  }
  return ok(undefined);
}

function writePairs(file: string, pairs: readonly (readonly [string, string])[]): Promise<void> {
  return writeFile(file, pairs.map((pair) => `${pair.join(" ")}\n`).join(""));
}
