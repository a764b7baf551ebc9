import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { newestSnapshot, type Snapshot, type SnapshotKind } from "../snapshots.ts";
import { CHECKPOINT_DIR } from "./run-layout.ts";

/** nerfstudio's checkpoints. Their steps count from 0. */
export const CHECKPOINTS: SnapshotKind = {
  dir: CHECKPOINT_DIR,
  name: /^step-(\d+)\.ckpt$/,
  isComplete: isCompleteZip,
};

/** The newest complete checkpoint of a step after `after`, or null. */
export function newestCheckpoint(runDir: string, after = -1): Promise<Snapshot | null> {
  return newestSnapshot(runDir, CHECKPOINTS, after);
}

/** Deletes other files among the checkpoints: nerfstudio parses a step from every name and would crash. */
export async function removeForeignFiles(runDir: string): Promise<void> {
  const dir = join(runDir, CHECKPOINT_DIR);
  for (const name of await readdir(dir).catch(() => [])) {
    if (!CHECKPOINTS.name.test(name)) await rm(join(dir, name), { recursive: true });
  }
}

/** "PK", 5, 6: the record that ends a ZIP archive, which is what torch.save writes. */
const END_RECORD = Buffer.from([0x50, 0x4b, 0x05, 0x06]);
const END_RECORD_BYTES = 22;

async function isCompleteZip(path: string): Promise<boolean> {
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
