import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ballOfPoints, encodeModel, lookAt, modelOf } from "./synthetic-model.ts";

/** What the stand-in for COLMAP does when a command is run; the n-th run of it does the n-th thing. */
export interface FakeRun {
  /** Printed on stdout. */
  readonly lines?: readonly string[];
  readonly exitCode?: number;
  /** Ends by this signal instead. */
  readonly signal?: string;
  /** How many images each model has that the mapper leaves. */
  readonly models?: readonly number[];
  /** The models have hardly any points. */
  readonly hollow?: boolean;
  /** Writes the models only in part. */
  readonly cut?: boolean;
  /** Does not end by itself. */
  readonly hangs?: boolean;
}

export interface FakePlan {
  readonly help?: string;
  readonly runs: Readonly<Record<string, readonly FakeRun[]>>;
}

export interface FakeColmap {
  readonly program: string;
  /** The arguments of each run so far. */
  calls(): Promise<string[][]>;
}

const HELP =
  "COLMAP 3.8 -- Structure-from-Motion and Multi-View Stereo\n(Commit Unknown on Unknown without CUDA)";

/** The script. Plain JavaScript, since it is run by itself. */
const SCRIPT = `
const fs = require("node:fs");
const path = require("node:path");
const plan = JSON.parse(fs.readFileSync(path.join(__dirname, "plan.json"), "utf8"));
const args = process.argv.slice(2);
if (args[0] === "-h") {
  console.log(plan.help);
  process.exit(0);
}
const log = path.join(__dirname, "calls.jsonl");
fs.appendFileSync(log, JSON.stringify(args) + "\\n");
const earlier = fs.readFileSync(log, "utf8").trim().split("\\n").filter((line) => JSON.parse(line)[0] === args[0]).length - 1;
const runs = plan.runs[args[0]] || [{}];
const run = runs[Math.min(earlier, runs.length - 1)];
for (const line of run.lines || []) console.log(line);
(run.models || []).forEach((count, i) => {
  const to = path.join(args[args.indexOf("--output_path") + 1], String(i));
  fs.cpSync(path.join(__dirname, "model-" + count + (run.hollow ? "-hollow" : "")), to, { recursive: true });
  if (run.cut) fs.truncateSync(path.join(to, "images.bin"), 5000);
});
if (run.signal) process.kill(process.pid, run.signal);
if (run.hangs) setInterval(() => {}, 1000);
else process.exitCode = run.exitCode || 0;
`;

/** Makes a program in `dir` that behaves as planned. */
export async function fakeColmap(dir: string, plan: FakePlan): Promise<FakeColmap> {
  await mkdir(dir, { recursive: true });
  const program = join(dir, "colmap");
  await writeFile(program, `#!${process.execPath}\n${SCRIPT}`);
  await chmod(program, 0o755);
  await writeFile(join(dir, "plan.json"), JSON.stringify({ help: HELP, ...plan }));
  const counts = Object.values(plan.runs).flatMap((runs) => runs.flatMap((run) => run.models ?? []));
  for (const count of new Set(counts)) {
    await writeModel(join(dir, `model-${count}`), count, 40 * count);
    await writeModel(join(dir, `model-${count}-hollow`), count, 10 * count - 1);
  }
  return {
    program,
    async calls() {
      const text = await readFile(join(dir, "calls.jsonl"), "utf8").catch(() => "");
      return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as string[]]));
    },
  };
}

/** A model with so many images on an arc around some points. */
async function writeModel(dir: string, count: number, pointCount: number): Promise<void> {
  const poses = Array.from({ length: count }, (_, i) => {
    return lookAt([3 * Math.cos(i / 9), 1, 3 * Math.sin(i / 9)], [0, 0, 0], [0, 1, 0]);
  });
  const { cameras, images, points } = encodeModel(modelOf(poses, ballOfPoints(pointCount, [0, 0, 0], 0.7)));
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "cameras.bin"), cameras);
  await writeFile(join(dir, "images.bin"), images);
  await writeFile(join(dir, "points3D.bin"), points);
  await writeFile(join(dir, "project.ini"), "x");
}
