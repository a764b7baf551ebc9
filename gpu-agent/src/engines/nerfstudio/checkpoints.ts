import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newestWhole, removeCutOff, type SteppedFile, type SteppedFiles } from "../stepped-files.ts";
import { CHECKPOINT_DIR } from "./run-layout.ts";

const CHECKPOINTS: SteppedFiles = {
  dir: CHECKPOINT_DIR,
  name: /^step-(\d+)\.ckpt$/,
  isWhole: isWholeZip,
};

/** The newest whole checkpoint of a step after `after`, or null. Steps count from 0. */
export function newestCheckpoint(runDir: string, after = -1): Promise<SteppedFile | null> {
  return newestWhole(runDir, CHECKPOINTS, after);
}

/**
 * The newest checkpoint that an interrupted training left whole, or null.
 *
 * nerfstudio writes checkpoints in place, and loads whichever file has the highest number, so those that were
 * cut off are deleted here, and whatever else it would trip over.
 */
export async function findCheckpoint(runDir: string): Promise<SteppedFile | null> {
  const dir = join(runDir, CHECKPOINT_DIR);
  for (const name of await readdir(dir).catch(() => [])) {
    if (!CHECKPOINTS.name.test(name)) await rm(join(dir, name), { recursive: true });
  }
  await removeCutOff(runDir, CHECKPOINTS);
  return newestWhole(runDir, CHECKPOINTS);
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
