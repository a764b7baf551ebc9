import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { makeSampleClip } from "@splatt/sample-clip";
import { execa } from "execa";
import { SMALLEST_CLIP } from "./smallest-clip.ts";

const BIN = join(ROOT, "gpu-agent", "bin", "splatt-agent");

/** A folder with the smallest clip, in which a person types `splatt-agent run`. */
export class RunFolder {
  static readonly CLIP = "clip.mp4";
  readonly dir: string;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make(): Promise<RunFolder> {
    const dir = await mkdtemp(join(tmpdir(), "splatt-run-"));
    const made = await makeSampleClip(join(dir, RunFolder.CLIP), SMALLEST_CLIP);
    if (!made.ok) throw new Error(made.error.detail);
    return new RunFolder(dir);
  }

  remove(): Promise<void> {
    return rm(this.dir, { recursive: true, force: true });
  }

  /** Trains on the CPU, and as little as possible. */
  run(clip: string, ...options: string[]) {
    const quick = ["--engine", "builtin", "--preset", "draft", "--max-resolution", "120"];
    return this.runWith({}, clip, ...quick, ...options);
  }

  runWith(settings: Readonly<Record<string, string>>, clip: string, ...options: string[]) {
    return execa(BIN, ["run", clip, ...options], {
      cwd: this.dir,
      reject: false,
      env: { WORKSPACE_ROOT: join(this.dir, "workspace"), ...settings },
    });
  }
}
