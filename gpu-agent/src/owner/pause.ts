import { readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "@splatt/shared/folders";
import { z } from "zod";
import { writeFileAtomic } from "../files/write-file-atomic.ts";

/** The owner needs the machine: the agent takes no jobs, even after a restart, until `resume`. */
export const Pause = z.object({
  /** ISO 8601, UTC. */
  since: z.iso.datetime(),
  /** The owner's reason, shown in GET /health. */
  reason: z.string().max(200),
});
export type Pause = z.infer<typeof Pause>;

/** The pause as the control plane shows it. */
export function pauseText({ since, reason }: Pause): string {
  const when = `${since.slice(0, 10)} ${since.slice(11, 16)} UTC`;
  return `Paused by its owner since ${when}${reason === "" ? "." : `: ${reason}`}`;
}

/** The file in the workspace that marks its agent as paused, whether or not one is running. */
export class PauseFile {
  readonly #path: string;

  constructor(workspaceRoot: string) {
    this.#path = join(workspaceRoot, "paused.json");
  }

  /** @returns null when not paused. An unreadable file counts as a pause: `pause` created it. */
  async read(): Promise<Pause | null> {
    const text = await readFile(this.#path, "utf8").catch(() => null);
    if (text === null) return null;
    try {
      return Pause.parse(JSON.parse(text));
    } catch {
      const since = await stat(this.#path).then(
        ({ mtime }) => mtime,
        () => new Date(),
      );
      return { since: since.toISOString(), reason: "paused.json cannot be read; `resume` removes it" };
    }
  }

  async write(pause: Pause): Promise<void> {
    await makeFolder(dirname(this.#path));
    await writeFileAtomic(this.#path, JSON.stringify(pause));
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
