import { join } from "node:path";
import { errorText, type Failure, failure } from "@splatt/shared";
import { byteText } from "@splatt/shared/terminal";
import { writeFileAtomic } from "../files/write-file-atomic.ts";
import { systemFailure } from "../processes/system-failure.ts";
import { MIN_JOB_DISK_BYTES } from "./retention.ts";
import type { Workspace } from "./workspace.ts";

/** A disk on which writing a few bytes takes longer than this is unusable. */
export const DISK_CHECK_TIMEOUT_MS = 30_000;

/** As much as the record of a job. */
const TRIAL_BYTES = 48 * 1024;

/** Checks whether the workspace's disk can take a job: whether it has space, and completes a write in time. */
export class WorkspaceHealth {
  readonly #workspace: Pick<Workspace, "root" | "freeBytes">;
  readonly #timeoutMs: number;
  #running: Promise<Failure | null> | null = null;
  #runningSince = 0;
  #problem: Failure | null = null;

  constructor(workspace: Pick<Workspace, "root" | "freeBytes">, timeoutMs = DISK_CHECK_TIMEOUT_MS) {
    this.#workspace = workspace;
    this.#timeoutMs = timeoutMs;
  }

  /** The last check's result: `disk_full`, `workspace_unusable`, or null. */
  get problem(): Failure | null {
    return this.#problem;
  }

  /** How long the disk has not answered. */
  get hangsForMs(): number {
    return this.#running === null ? 0 : performance.now() - this.#runningSince;
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
      this.#problem = await Promise.race([this.#running, promise]);
      return this.#problem;
    } finally {
      clearTimeout(timer);
    }
  }

  async #probe(): Promise<Failure | null> {
    try {
      if ((await this.#workspace.freeBytes()) < MIN_JOB_DISK_BYTES) {
        return failure("disk_full", `Less than ${byteText(MIN_JOB_DISK_BYTES)} is free.`);
      }
      await writeFileAtomic(join(this.#workspace.root, "write-check"), trialText());
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
