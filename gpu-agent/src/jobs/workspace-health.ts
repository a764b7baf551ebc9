import { join } from "node:path";
import { errorText, FAILURES, type Failure, failure, failureSentence } from "@splatt/shared";
import { byteText } from "@splatt/shared/terminal";
import type { Logger } from "pino";
import { writeFileAtomic } from "../files/write-file-atomic.ts";
import { systemFailure } from "../processes/system-failure.ts";
import { MIN_JOB_DISK_BYTES } from "./retention.ts";
import type { Workspace } from "./workspace.ts";

/** A disk on which writing a few bytes takes longer than this is unusable. */
const DISK_CHECK_TIMEOUT_MS = 30_000;

/** As much as the record of a job. */
const TRIAL_BYTES = 48 * 1024;

export interface WorkspaceHealthOptions {
  readonly workspace: Pick<Workspace, "root" | "freeBytes">;
  /** How long a disk may hang before the jobs on it are given up. */
  readonly patienceMs: number;
  readonly log: Pick<Logger, "info" | "error">;
}

/** Checks whether the workspace's disk can take a job: whether it has space, and completes a write in time. */
export class WorkspaceHealth {
  readonly #options: WorkspaceHealthOptions;
  readonly #timeoutMs: number;
  #running: Promise<Failure | null> | null = null;
  #runningSince = 0;
  #problem: Failure | null = null;

  constructor(options: WorkspaceHealthOptions) {
    this.#options = options;
    this.#timeoutMs = Math.min(DISK_CHECK_TIMEOUT_MS, options.patienceMs);
  }

  /** The last check's result: `disk_full`, `workspace_unusable`, or null. */
  get problem(): Failure | null {
    return this.#problem;
  }

  /** Why to give up the jobs on the disk: it has not answered for longer than patience allows. */
  get hang(): Failure | null {
    const ms = this.#running === null ? 0 : performance.now() - this.#runningSince;
    if (ms < this.#options.patienceMs) return null;
    const seconds = Math.round(ms / 1000);
    return failure("workspace_unusable", `The disk of the workspace has not answered for ${seconds} s.`);
  }

  /** Waits for a check that hangs instead of starting another: each one can block a thread as long as the disk does. */
  async check(): Promise<Failure | null> {
    if (this.#running === null) {
      this.#runningSince = performance.now();
      this.#running = this.#probe().finally(() => {
        this.#running = null;
      });
    }
    const { promise, resolve } = Promise.withResolvers<Failure>();
    const seconds = Math.round(this.#timeoutMs / 1000);
    const tooSlow = failure("workspace_unusable", `A small write took more than ${seconds} s.`);
    const timer = setTimeout(() => resolve(tooSlow), this.#timeoutMs);
    try {
      this.#note(await Promise.race([this.#running, promise]));
      return this.#problem;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Logs changes only: checks repeat, and overlap while a disk hangs. */
  #note(problem: Failure | null): void {
    const { log } = this.#options;
    const isChanged = problem?.code !== this.#problem?.code;
    this.#problem = problem;
    if (!isChanged) return;
    if (problem === null) log.info("the workspace is usable again");
    else log.error(`taking no jobs: ${failureSentence(problem)} ${FAILURES[problem.code].hint}`);
  }

  async #probe(): Promise<Failure | null> {
    const { workspace } = this.#options;
    try {
      if ((await workspace.freeBytes()) < MIN_JOB_DISK_BYTES) {
        return failure("disk_full", `Less than ${byteText(MIN_JOB_DISK_BYTES)} is free.`);
      }
      await writeFileAtomic(join(workspace.root, "write-check"), trialText());
      return null;
    } catch (error) {
      return systemFailure(error) ?? failure("workspace_unusable", errorText(error));
    }
  }
}

/** Random, so that a compressing file system also needs space for it. */
function trialText(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(TRIAL_BYTES))).toString("base64");
}
