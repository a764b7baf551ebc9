import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const LOOK_MS = 20;

/**
 * Holds other processes until the test opens it. An arriving process adds a line to `arrivals`, then opens `path` for
 * reading: a named pipe without a writer, on which the kernel blocks it, and a plain file once the gate is open.
 */
export class Gate {
  readonly path: string;
  readonly arrivals: string;

  private constructor(path: string) {
    this.path = path;
    this.arrivals = `${path}.arrivals`;
  }

  static async make(dir: string): Promise<Gate> {
    const gate = new Gate(join(dir, `${randomUUID()}.gate`));
    await promisify(execFile)("mkfifo", [gate.path]);
    await writeFile(gate.arrivals, "");
    return gate;
  }

  /** The number of arrivals so far. */
  async count(): Promise<number> {
    return (await readFile(this.arrivals, "utf8")).split("\n").length - 1;
  }

  /** Resolves after this many arrivals. */
  async reached(count: number): Promise<void> {
    while ((await this.count()) < count) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  /** Releases all waiting processes and lets later ones pass. */
  async open(): Promise<void> {
    // Opening a pipe read-write does not block; closing it wakes its readers.
    const pipe = await open(this.path, constants.O_RDWR);
    const plain = `${this.path}.open`;
    await writeFile(plain, "");
    await rename(plain, this.path);
    await pipe.write("\n");
    await pipe.close();
  }
}

/**
 * A stand-in for ffmpeg or COLMAP that stops at a gate, then becomes the program.
 *
 * @param held calls with this argument stop; all others go straight to the program
 * @param first what the first call that was held becomes
 * @returns its path
 */
export async function gatedTool(gate: Gate, program: string, held: string, first = program): Promise<string> {
  const path = `${gate.path}.tool`;
  const script = [
    "#!/bin/sh",
    `case " $* " in *" ${held} "*)`,
    `  echo "$*" >> "${gate.arrivals}"`,
    `  arrivals=$(wc -l < "${gate.arrivals}")`,
    `  read -r _ < "${gate.path}"`,
    `  [ "$arrivals" -eq 1 ] && exec ${first} "$@" ;;`,
    "esac",
    `exec ${program} "$@"`,
  ];
  await writeFile(path, `${script.join("\n")}\n`);
  await chmod(path, 0o755);
  return path;
}
