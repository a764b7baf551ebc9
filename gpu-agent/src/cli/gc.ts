import { err, FAILURES, failureSentence, ok, type Result } from "@splatt/shared";
import { byteText, parseBytes } from "@splatt/shared/terminal";
import { readWorkspaceConfig, type WorkspaceConfig } from "../config.ts";
import type { EndedJob } from "../jobs/retention.ts";
import { Workspace } from "../jobs/workspace.ts";
import { askAgent } from "../owner/control-client.ts";
import { workspaceFailure } from "../processes/system-failure.ts";
import { type Command, readArgs, UsageError } from "./command.ts";
import { settingsOrComplaint } from "./environment.ts";
import { EXIT } from "./exit-codes.ts";

export const gc: Command = {
  usage: `Usage: splatt-agent gc [--max-bytes N] [--keep N] [--dry-run] [--json]

Removes the folders of ended jobs, oldest first, until no more than KEEP_JOBS of them are left and the workspace is
within WORKSPACE_MAX_BYTES. A running agent does this after each job. Running jobs are never touched.

  --max-bytes N  overrides WORKSPACE_MAX_BYTES, for example 500MB; 0 removes everything removable
  --keep N       overrides KEEP_JOBS
  --dry-run      print what would be removed, without removing it
  --json         print JSON`,
  async run(args) {
    const { values } = readArgs(
      args,
      {
        "max-bytes": { type: "string" },
        keep: { type: "string" },
        "dry-run": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
      0,
    );
    const config = settingsOrComplaint(readWorkspaceConfig);
    if (config === null) return EXIT.misconfigured;
    const limits = {
      keepJobs: wholeNumber(values.keep, "--keep") ?? config.KEEP_JOBS,
      maxBytes: bytes(values["max-bytes"], "--max-bytes") ?? config.WORKSPACE_MAX_BYTES,
    };
    const removed = await collect(config, limits, values["dry-run"]);
    if (!removed.ok) {
      console.error(removed.error);
      return EXIT.failed;
    }
    if (values.json) console.log(JSON.stringify({ removed: removed.value, dry_run: values["dry-run"] }));
    else console.log(describe(removed.value, values["dry-run"]));
    return EXIT.ok;
  },
};

async function collect(
  { WORKSPACE_ROOT }: WorkspaceConfig,
  limits: { keepJobs: number; maxBytes: number },
  dryRun: boolean,
): Promise<Result<readonly EndedJob[], string>> {
  const workspace = new Workspace(WORKSPACE_ROOT);
  const locked = await workspace.lock().catch((error: unknown) => workspaceFailure(error));
  if (typeof locked !== "boolean") return err(`${failureSentence(locked)} ${FAILURES[locked.code].hint}`);
  if (locked) {
    try {
      return ok((await workspace.gc(limits, () => false, dryRun)).removed);
    } finally {
      await workspace.unlock();
    }
  }
  // Only the running agent knows which folders it is about to reuse.
  const request = { dry_run: dryRun, keep_jobs: limits.keepJobs, max_bytes: limits.maxBytes };
  const report = await askAgent(WORKSPACE_ROOT, (agent) => agent.gc(request));
  if (report === null) return err("The agent has just stopped. Try again.");
  return report.ok ? ok(report.value.removed) : report;
}

function describe(removed: readonly EndedJob[], dryRun: boolean): string {
  const total = byteText(removed.reduce((sum, job) => sum + job.bytes, 0));
  if (removed.length === 0) return "Nothing to remove.";
  const lines = removed.map(
    ({ jobId, endedAt, bytes }) =>
      `  ${jobId}  ended ${new Date(endedAt).toISOString().slice(0, 16)}Z  ${byteText(bytes)}`,
  );
  return `${lines.join("\n")}\n${dryRun ? "Would free" : "Freed"} ${total}.`;
}

function wholeNumber(text: string | undefined, option: string): number | null {
  if (text === undefined) return null;
  if (!/^\d+$/.test(text)) throw new UsageError(`${option} must be a whole number, not "${text}".`);
  return Number(text);
}

function bytes(text: string | undefined, option: string): number | null {
  if (text === undefined) return null;
  const read = parseBytes(text);
  if (read === null) throw new UsageError(`${option} must be a size such as 20GB, not "${text}".`);
  return read;
}
