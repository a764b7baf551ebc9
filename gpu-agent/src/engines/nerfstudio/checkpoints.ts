import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CHECKPOINT_DIR } from "./run-layout.ts";

export interface Checkpoint {
  /** The step it was written after; steps count from 0. */
  readonly step: number;
  /** Relative to the training's folder. */
  readonly file: string;
}

/**
 * The newest checkpoint that an interrupted training left whole, or null.
 *
 * nerfstudio writes checkpoints in place, and loads whichever file has the highest number, so those that were
 * cut off are deleted here.
 */
export async function findCheckpoint(runDir: string): Promise<Checkpoint | null> {
  const dir = join(runDir, CHECKPOINT_DIR);
  const names = await readdir(dir).catch(() => []);
  let newest: Checkpoint | null = null;
  for (const name of names) {
    const [, digits] = /^step-(\d+)\.ckpt$/.exec(name) ?? [];
    if (digits === undefined || !(await isWholeZip(join(dir, name)))) {
      await rm(join(dir, name), { recursive: true, force: true });
      continue;
    }
    const step = Number(digits);
    if (newest === null || step > newest.step) newest = { step, file: join(CHECKPOINT_DIR, name) };
  }
  return newest;
}

/** "PK", 5, 6: the record that ends a ZIP archive, which is what torch.save writes. */
const END_RECORD = Buffer.from([0x50, 0x4b, 0x05, 0x06]);
const END_RECORD_BYTES = 22;

async function isWholeZip(path: string): Promise<boolean> {
  const file = await open(path).catch(() => null);
  if (file === null) return false;
  try {
    const { size } = await file.stat();
    const end = Buffer.alloc(END_RECORD_BYTES);
    await file.read(end, 0, end.length, Math.max(0, size - end.length));
    return end.subarray(0, END_RECORD.length).equals(END_RECORD);
  } finally {
    await file.close();
  }
}
