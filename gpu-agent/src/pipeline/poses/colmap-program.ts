import { fileURLToPath } from "node:url";
import { err, type Failure, failure, ok, type Result } from "@splatt/shared";
import { printedBy } from "../../processes/printed-by.ts";
import { type ColmapVersion, supportedColmap, versionText } from "./colmap-version.ts";

/** A way to start COLMAP: its own program, or pycolmap through ours, which understands the same command lines. */
export interface ColmapProgram {
  readonly kind: "colmap" | "pycolmap";
  readonly file: string;
  /** Arguments before the command. */
  readonly args: readonly string[];
}

export interface InstalledColmap extends ColmapVersion {
  readonly program: ColmapProgram;
  /** The folders that it reads besides its own and the system's. */
  readonly reads: readonly string[];
}

const PYCOLMAP_SCRIPT = fileURLToPath(new URL("pycolmap/splatt_pycolmap.py", import.meta.url));
/** The lines in which our program names the folders. */
const READS = /^reads (\/.+)$/;

/** @param path the program's path, or its name on the PATH */
export function colmapAt(path: string): ColmapProgram {
  return { kind: "colmap", file: path, args: [] };
}

export function pycolmapIn(python: string): ColmapProgram {
  return { kind: "pycolmap", file: python, args: [PYCOLMAP_SCRIPT] };
}

/** The environment variables of COLMAP: without a display Qt aborts, unless it uses the platform that needs none. */
export const COLMAP_ENVIRONMENT = { QT_QPA_PLATFORM: "offscreen", TERM: "dumb" };

/**
 * The best of the programs that are installed; see `preferredColmap`.
 *
 * @param cwd writable for the programs
 * @returns the first program's failure when none is usable: `tool_missing` or `tool_unsupported`
 */
export async function findColmap(
  programs: readonly ColmapProgram[],
  hasGpu: boolean,
  cwd: string,
  signal: AbortSignal,
): Promise<Result<InstalledColmap, Failure>> {
  return bestColmap(await Promise.all(programs.map((program) => detectColmap(program, cwd, signal))), hasGpu);
}

export function bestColmap(
  found: readonly Result<InstalledColmap, Failure>[],
  hasGpu: boolean,
): Result<InstalledColmap, Failure> {
  const best = preferredColmap(
    found.flatMap((one) => (one.ok ? [one.value] : [])),
    hasGpu,
  );
  return best === null ? (found[0] ?? err(failure("tool_missing", "No COLMAP is set."))) : ok(best);
}

/**
 * On a machine with a GPU one that can use it, and otherwise the newest: from 4.0 on, matching on the CPU takes less
 * than half of the time. The first of equals.
 */
function preferredColmap(found: readonly InstalledColmap[], hasGpu: boolean): InstalledColmap | null {
  const rank = ({ major, minor, cuda }: InstalledColmap) => [hasGpu && cuda ? 1 : 0, major, minor];
  const compare = (a: readonly number[], b: readonly number[]) =>
    a.reduce((order, value, i) => order || (b[i] ?? 0) - value, 0);
  return found.toSorted((a, b) => compare(rank(a), rank(b)))[0] ?? null;
}

/** The version, and the program unless it is COLMAP's own. */
export function colmapText(colmap: InstalledColmap): string {
  return colmap.program.kind === "colmap" ? versionText(colmap) : `${versionText(colmap)} (pycolmap)`;
}

/** @returns `tool_missing` or `tool_unsupported` */
export async function detectColmap(
  program: ColmapProgram,
  cwd: string,
  signal?: AbortSignal,
): Promise<Result<InstalledColmap, Failure>> {
  const call = {
    file: program.file,
    args: [...program.args, "-h"],
    env: COLMAP_ENVIRONMENT,
    ...{ cwd, signal },
  };
  let reads: readonly string[] = [];
  if (program.kind === "pycolmap") {
    // First outside of the sandbox, to learn what it must be able to read inside.
    const help = await printedBy(call);
    if (!help.ok) return help;
    reads = help.value.split("\n").flatMap((line) => READS.exec(line)?.[1] ?? []);
  }
  const help = await printedBy({ ...call, confine: { reads } });
  if (!help.ok) return help;
  const version = supportedColmap(program.file, help.value);
  return version.ok ? ok({ ...version.value, program, reads }) : version;
}
