import { createHash } from "node:crypto";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { err, errorText, ok, type Result } from "@splatt/shared/outcomes";
import { z } from "zod";
import { clearSlots } from "../scene/gaussians.ts";
import type { Workspace } from "../scene/workspace.ts";
import type { Progress } from "./training.ts";

/*
 * A checkpoint holds the state of training: the gaussians' parameters and Adam's moments, the errors accumulated for
 * the next densification, the frames' gains and poses, and the iteration. Everything else follows from the settings,
 * so a resumed run produces exactly the gaussians of an uninterrupted one.
 *
 * The file is a line of JSON, then the tables' rows as 32-bit floats in the machine's byte order.
 */

const FORMAT = "splatt-builtin-checkpoint-3";

const Numbers = z.array(z.number()).readonly();

const Header = z.object({
  format: z.literal(FORMAT),
  /** Of the dataset and the settings. */
  key: z.string(),
  iteration: z.int().nonnegative(),
  count: z.int().positive(),
  seedPoints: z.int().positive(),
  gains: z
    .array(z.tuple([z.number(), z.number(), z.number()]).readonly())
    .readonly()
    .nullable(),
  poses: z
    .array(
      z.object({
        rotation: Numbers,
        position: z.tuple([z.number(), z.number(), z.number()]).readonly(),
        moments1: Numbers,
        moments2: Numbers,
        steps: z.int().nonnegative(),
      }),
    )
    .readonly()
    .nullable(),
  /** Training time before the checkpoint. */
  elapsedMs: z.number().nonnegative(),
  rows: z.int().positive(),
  crc32: z.int().nonnegative(),
});

export interface Checkpoint {
  readonly progress: Progress;
  readonly elapsedMs: number;
}

/** Identifies the inputs of a checkpoint: equal inputs, equal key. */
export function checkpointKey(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

/** Writes a checkpoint under a temporary name, then renames it: a crash leaves the old one. */
export function writeCheckpoint(
  path: string,
  key: string,
  workspace: Workspace,
  checkpoint: Checkpoint,
): void {
  const { count } = checkpoint.progress;
  const rows = tableRows(workspace).map((row) => Buffer.from(row.slice(0, count).buffer));
  const header = {
    format: FORMAT,
    key,
    ...checkpoint.progress,
    elapsedMs: checkpoint.elapsedMs,
    rows: rows.length,
    crc32: rows.reduce((sum, row) => crc32(row, sum), 0),
  } satisfies z.infer<typeof Header>;
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w");
  try {
    writeSync(file, `${JSON.stringify(header)}\n`);
    for (const row of rows) writeSync(file, row);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

/**
 * Loads a checkpoint into the workspace.
 *
 * @returns null when there is none, or a sentence that says why the existing one cannot be used
 */
export function readCheckpoint(
  path: string,
  key: string,
  workspace: Workspace,
): Result<Checkpoint | null, string> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ok(null);
    return err(`it cannot be read (${errorText(error)})`);
  }
  const headerEnd = bytes.indexOf("\n");
  const header = Header.safeParse(parseJson(bytes.toString("utf8", 0, Math.max(0, headerEnd))));
  if (!header.success) return err("its header is damaged");
  const { count, rows, iteration, seedPoints, gains, poses, elapsedMs } = header.data;
  if (header.data.key !== key) return err("it is of other images or other options");
  const table = tableRows(workspace);
  if (rows !== table.length || count > workspace.layout.capacity) return err("it is of another size");
  const body = bytes.subarray(headerEnd + 1);
  if (body.length !== rows * count * 4) return err(`it has ${body.length} bytes of data`);
  if (crc32(body) !== header.data.crc32) return err("its checksum is wrong");
  table.forEach((row, i) => {
    // Copied, because floats must be aligned and the body need not be.
    const start = i * count * 4;
    row.set(new Float32Array(Uint8Array.from(body.subarray(start, start + count * 4)).buffer));
  });
  clearSlots(workspace, count);
  return ok({ progress: { iteration, count, seedPoints, gains, poses }, elapsedMs });
}

function tableRows(workspace: Workspace): Float32Array[] {
  return [...workspace.params, ...workspace.moments1, ...workspace.moments2, workspace.errorSum];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
