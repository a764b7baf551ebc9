import { isActive, isTerminal, type JobLogs } from "@splatt/shared";
import { database } from "../db/database.ts";
import type { JobRow } from "../db/schema.ts";
import type { Env } from "../env.ts";
import { storedLines } from "./stored-log.ts";
import { WatchStream } from "./watch-stream.ts";

/** How long an agent may take to send a piece of its log. */
const AGENT_PATIENCE_MS = 5000;
const MAX_CHARS = 1024 * 1024;

interface Wanted {
  readonly from: number;
  readonly limit: number;
}

/** Lines of a job's log: from its agent while it runs, and from the stored file afterwards. */
export async function jobLogs(
  env: Env,
  job: JobRow,
  keyId: string | null,
  wanted: Wanted,
): Promise<JobLogs | Response> {
  if (isActive(job.status)) return liveLogs(env, job, keyId, wanted);
  const complete = isTerminal(job.status);
  const limits = { lines: wanted.limit, chars: MAX_CHARS };
  const stored =
    job.status === "completed"
      ? await storedLines(database(env.DB), env.BUCKET, job.id, wanted.from, limits)
      : null;
  if (stored !== null) {
    const { from, lines, more } = stored;
    return { source: "stored", from, lines: [...lines], next: from + lines.length, complete: !more };
  }
  const tail = job.logTail ?? [];
  const first = wanted.from < 0 ? Math.max(0, tail.length + wanted.from) : wanted.from;
  const lines = tail.slice(first, first + wanted.limit);
  const next = first + lines.length;
  return {
    source: tail.length === 0 ? "none" : "tail",
    from: first,
    lines,
    next,
    complete: complete && next >= tail.length,
  };
}

async function liveLogs(
  env: Env,
  job: JobRow,
  keyId: string | null,
  wanted: Wanted,
): Promise<JobLogs | Response> {
  const seen = { version: job.version, event: 0, log: { id: null, next: wanted.from }, metrics: null };
  const stream = await WatchStream.open(env, job.pool, { jobId: job.id, keyId, seen });
  if (stream instanceof Response) return stream;
  const lines: string[] = [];
  let from: number | null = null;
  let chars = 0;
  let complete = false;
  try {
    const deadline = Date.now() + AGENT_PATIENCE_MS;
    while (lines.length < wanted.limit && chars < MAX_CHARS) {
      const message = await stream.next(deadline - Date.now());
      if (message?.type === "end") complete = true;
      if (message === null || message.type === "end") break;
      if (message.type !== "log") continue;
      from ??= message.from;
      lines.push(...message.lines);
      chars += message.lines.reduce((sum, line) => sum + line.length, 0);
      if (!message.more) break;
    }
  } finally {
    stream.close();
  }
  const first = from ?? Math.max(0, wanted.from);
  const taken = lines.slice(0, wanted.limit);
  return {
    source: from === null ? "none" : "live",
    from: first,
    lines: taken,
    next: first + taken.length,
    complete: complete && taken.length === lines.length,
  };
}
