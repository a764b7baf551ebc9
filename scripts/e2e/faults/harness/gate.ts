import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const LOOK_MS = 20;

/**
 * A place at which another process stops until it is let through. Whoever comes adds a line to `arrivals`, then opens
 * `path` for reading: a named pipe without a writer, so that the kernel holds it there, and a plain file once the
 * gate is open.
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

  /** How many have come so far. */
  async count(): Promise<number> {
    return (await readFile(this.arrivals, "utf8")).split("\n").length - 1;
  }

  /** Resolves when so many have come. */
  async reached(count: number): Promise<void> {
    while ((await this.count()) < count) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  /** Lets those through who wait, and whoever comes later. */
  async open(): Promise<void> {
    // Opened for both, a pipe does not wait for its other end; closing it ends the wait of its readers.
    const pipe = await open(this.path, constants.O_RDWR);
    const plain = `${this.path}.open`;
    await writeFile(plain, "");
    await rename(plain, this.path);
    await pipe.write("\n");
    await pipe.close();
  }
}

/**
 * A stand-in for ffmpeg or COLMAP that stops at a gate, then becomes the real program.
 *
 * @param held calls that have this argument stop; all others go straight to the real program
 * @returns its path
 */
export async function gatedTool(gate: Gate, program: string, held: string): Promise<string> {
  const path = `${gate.path}.${program}`;
  const script = [
    "#!/bin/sh",
    `case " $* " in *" ${held} "*)`,
    `  echo "$*" >> "${gate.arrivals}"`,
    `  read -r _ < "${gate.path}" ;;`,
    "esac",
    `exec ${program} "$@"`,
  ];
  await writeFile(path, `${script.join("\n")}\n`);
  await chmod(path, 0o755);
  return path;
}
