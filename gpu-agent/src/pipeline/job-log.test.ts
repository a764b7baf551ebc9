import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JobLog } from "./job-log.ts";

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-log-"));
  path = join(dir, "pipeline.log");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const lines = async (name: string) => (await readFile(name, "utf8")).trimEnd().split("\n");
const texts = async (name: string) => (await lines(name)).map((line) => line.replace(/^\S+ /, ""));

describe("JobLog", () => {
  it("writes lines with their time and stage, and appends to the file after a restart", async () => {
    for (const line of ["one", "zwölf"]) {
      const log = new JobLog(path);
      log.write("poses", line);
      await log.close();
    }
    expect(await texts(path)).toEqual(["poses: one", "poses: zwölf"]);
    expect((await lines(path))[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z poses: one$/);
  });

  it("keeps the end of a log that is too long, in two files of bounded size", async () => {
    const log = new JobLog(path, 2000);
    for (let i = 0; i < 500; i++) log.write("train", `Step ${i} ü`);
    await log.close();
    expect((await readdir(dir)).toSorted()).toEqual(["pipeline.log", "pipeline.log.1"]);
    for (const name of [path, `${path}.1`]) expect((await stat(name)).size).toBeLessThanOrEqual(2000);
    const all = [...(await texts(`${path}.1`)), ...(await texts(path))];
    const kept = all.filter((line) => !line.startsWith("log: "));
    expect(kept.at(-1)).toBe("train: Step 499 ü");
    const first = 500 - kept.length;
    expect(kept).toEqual(kept.map((_, i) => `train: Step ${first + i} ü`));
    expect(kept.length).toBeGreaterThan(40);
  });

  it("counts what an earlier start left in the file", async () => {
    await writeFile(path, "x".repeat(1990));
    const log = new JobLog(path, 2000);
    log.write("train", "more");
    await log.close();
    expect(await texts(path)).toEqual([
      "log: this is line 1; the lines before it were left out",
      "train: more",
    ]);
  });

  it("reads lines under their numbers, also those of an earlier process, and after half a line", async () => {
    const first = new JobLog(path);
    for (let i = 0; i < 700; i++) first.write("train", `Step ${i} ü`);
    await first.close();
    await appendFile(path, "half a li");
    const log = new JobLog(path);
    const shown = async (next: number, bytes = 200) => {
      const { from, lines, more } = await log.read(next, bytes);
      return { from, more, lines: lines.map((line) => line.replace(/^\S+ train: /, "")) };
    };
    expect(await shown(0)).toMatchObject({ from: 0, more: true });
    expect((await shown(511, 1)).lines).toEqual(["Step 511 ü"]);
    expect(await shown(-1)).toEqual({ from: 700, more: true, lines: [] });
    log.write("train", "more");
    await log.close();
    expect(await shown(699)).toEqual({ from: 699, more: false, lines: ["Step 699 ü", "half a li", "more"] });
    expect(await shown(5000)).toEqual({ from: 702, more: false, lines: [] });
  });

  it("keeps the lines' numbers when earlier ones are left out, also for the next process", async () => {
    const log = new JobLog(path, 2000);
    for (let i = 0; i < 500; i++) log.write("train", `Step ${i}`);
    await log.close();
    const again = new JobLog(path, 2000);
    const { from, lines } = await again.read(0, 100_000);
    expect(from).toBeGreaterThan(450);
    expect(lines[0]).toContain(`this is line ${from};`);
    expect(await log.read(0, 100_000)).toEqual({ from, lines, more: false });
    again.write("train", "next");
    await again.close();
    expect((await again.read(-1, 1000)).from).toBe(from + lines.length);
  });

  it("does without a disk that refuses, and continues on one that works again", async () => {
    const log = new JobLog(path);
    for (const step of [1, 2, 3]) {
      if (step === 2) {
        await rm(path);
        await mkdir(path);
      }
      if (step === 3) await rmdir(path);
      log.write("train", `Step ${step}`);
      await log.close();
    }
    expect(await texts(path)).toEqual(["train: Step 3"]);
    expect(log.newest(1000)).toEqual(["Step 1", "Step 2", "Step 3"]);
  });

  it("reads nothing from a disk that refuses, and does not fail", async () => {
    const log = new JobLog(path);
    log.write("train", "one");
    await log.close();
    await rm(path);
    await mkdir(path);
    expect(await log.read(0, 200)).toMatchObject({ lines: [] });
  });

  it("reads lines under their numbers when new files begin meanwhile", async () => {
    const log = new JobLog(path, 2000);
    for (let step = 0; step < 3000; step += 30) {
      for (let i = 0; i < 30; i++) log.write("train", `Step ${step + i}`);
      const reading = [];
      // At different moments of the writing.
      for (let i = 0; i < 30; i++) {
        reading.push(log.read(0, 10_000));
        await setImmediate();
      }
      await log.close();
      const quiet = await log.read(0, 10_000);
      for (const { from, lines: racing } of await Promise.all(reading)) {
        for (const [i, line] of racing.entries()) {
          const at = quiet.lines.indexOf(line);
          if (at >= 0) expect(from + i).toBe(quiet.from + at);
        }
      }
    }
  });

  it("keeps the last 50 lines in memory, each of bounded length", () => {
    const log = new JobLog(join(dir, "no", "such", "folder"));
    for (let i = 0; i < 120; i++) log.write("train", `${i} ${"x".repeat(900)}`);
    const tail = log.newest(1_000_000);
    expect(tail).toHaveLength(50);
    expect(tail[0]).toMatch(/^70 x+$/);
    expect(tail.every((line) => line.length <= 500)).toBe(true);
  });

  it.each([
    ["plain text", "x"],
    ["bars", "█"],
    ["binary", "\u0000"],
  ])("returns no more lines than fit into a frame: %s", (_, character) => {
    const log = new JobLog(join(dir, "no", "such", "folder"));
    for (let i = 0; i < 60; i++) log.write("train", `${i} ${character.repeat(500)}`);
    const tail = log.newest(10_000);
    expect(Buffer.byteLength(JSON.stringify(tail))).toBeLessThanOrEqual(10_002);
    expect(tail.at(-1)).toMatch(/^59 /);
    expect(tail.length).toBeLessThan(20);
  });
});
