import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newestCheckpoint, removeForeignFiles } from "./checkpoints.ts";
import { CHECKPOINT_DIR } from "./run-layout.ts";

/** A ZIP archive without files: nothing but its end record. */
const WHOLE = Buffer.concat([Buffer.from([0x50, 0x4b, 0x05, 0x06]), Buffer.alloc(18)]);

describe("newestCheckpoint", () => {
  let dir = "";
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "checkpoints-"));
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function write(name: string, content: Buffer): Promise<void> {
    await mkdir(join(dir, CHECKPOINT_DIR), { recursive: true });
    await writeFile(join(dir, CHECKPOINT_DIR, name), content);
  }

  it("finds none in a new folder", async () => {
    expect(await newestCheckpoint(dir)).toBeNull();
  });

  it("finds the newest", async () => {
    await write("step-000004000.ckpt", Buffer.concat([Buffer.alloc(100, 7), WHOLE]));
    await write("step-000002000.ckpt", WHOLE);
    expect(await newestCheckpoint(dir)).toEqual({
      step: 4000,
      file: join(CHECKPOINT_DIR, "step-000004000.ckpt"),
    });
  });

  it("skips truncated ones", async () => {
    await write("step-000002000.ckpt", Buffer.concat([Buffer.alloc(100, 7), WHOLE]));
    await write("step-000004000.ckpt", Buffer.alloc(100, 7));
    await write("step-000006000.ckpt", Buffer.alloc(0));
    expect(await newestCheckpoint(dir)).toEqual({
      step: 2000,
      file: join(CHECKPOINT_DIR, "step-000002000.ckpt"),
    });
  });

  it("removes files that would crash nerfstudio", async () => {
    await write("step-000002000.ckpt", WHOLE);
    await write("notes.txt", WHOLE);
    await removeForeignFiles(dir);
    expect(await readdir(join(dir, CHECKPOINT_DIR))).toEqual(["step-000002000.ckpt"]);
  });
});
