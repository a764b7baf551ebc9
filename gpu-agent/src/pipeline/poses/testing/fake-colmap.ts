import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ColmapCamera, ColmapImage, ColmapModel } from "../colmap-model.ts";
import { ballOfPoints, encodeModel, lookAt, modelOf } from "./synthetic-model.ts";

/** What the fake COLMAP does in one run of a command. */
export interface FakeRun {
  /** Features per image in the database that feature extraction leaves; 2000 unless said otherwise. */
  readonly features?: number;
  /** Image names and sizes in that database, in place of the frames that it was given. */
  readonly images?: readonly string[];
  readonly imageSize?: readonly [width: number, height: number];
  /** Pairs with verified matches that matching leaves; 100 unless said otherwise. */
  readonly pairs?: number;
  /** Their kind of geometry, as COLMAP numbers them; 6, a homography, unless said otherwise. */
  readonly config?: number;
  /** Leaves no database, or an invalid one. */
  readonly database?: "missing" | "damaged";
  /** Printed on stdout. */
  readonly lines?: readonly string[];
  readonly exitCode?: number;
  /** Ends by this signal instead. */
  readonly signal?: string;
  /** How many images each model has that the mapper leaves. */
  readonly models?: readonly number[];
  /** A model in which something is wrong; see `spoil`. */
  readonly spoilt?: Spoiling;
  /** Each model has other images than the ones before, none of which match; for one value of `models` in a plan. */
  readonly apart?: boolean;
  /** The models have hardly any points. */
  readonly hollow?: boolean;
  /** Writes the models only in part. */
  readonly cut?: boolean;
  /** Never exits. */
  readonly hangs?: boolean;
}

/** Faults of a model from a COLMAP run that exited normally. */
export type Spoiling =
  | "foreign"
  | "twice"
  | "nan"
  | "same-poses"
  | "focal"
  | "distortion"
  | "size"
  | "nan-points";

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

/** The script. Plain JavaScript, since it is its own program. */
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
const option = (name) => args[args.indexOf("--" + name) + 1];
const { DatabaseSync } = require("node:sqlite");
if (args[0] === "feature_extractor" && run.database !== "missing") {
  const db = new DatabaseSync(option("database_path"));
  db.exec(\`CREATE TABLE cameras (camera_id INTEGER PRIMARY KEY, width INTEGER, height INTEGER);
    CREATE TABLE images (image_id INTEGER PRIMARY KEY, name TEXT, camera_id INTEGER);
    CREATE TABLE keypoints (image_id INTEGER PRIMARY KEY, rows INTEGER);
    CREATE TABLE matches (pair_id INTEGER PRIMARY KEY, rows INTEGER);
    CREATE TABLE two_view_geometries (pair_id INTEGER PRIMARY KEY, rows INTEGER, config INTEGER)\`);
  db.exec("BEGIN");
  db.prepare("INSERT INTO cameras VALUES (1, ?, ?)").run(...(run.imageSize || [640, 480]));
  for (const name of run.images || fs.readdirSync(option("image_path"))) {
    const { lastInsertRowid: id } = db.prepare("INSERT INTO images (name, camera_id) VALUES (?, 1)").run(name);
    db.prepare("INSERT INTO keypoints VALUES (?, ?)").run(id, run.features ?? 2000);
  }
  db.exec("COMMIT");
  db.close();
  if (run.database === "damaged") fs.writeFileSync(option("database_path"), "no database at all");
}
if (/^(exhaustive|sequential)_matcher$/.test(args[0]) && fs.existsSync(option("database_path"))) {
  const db = new DatabaseSync(option("database_path"));
  db.exec("BEGIN");
  const images = db.prepare("SELECT image_id FROM images ORDER BY image_id").all().length;
  if (plan.runs.mapper?.[0]?.apart) {
    for (let i = 1; i <= images / 2; i++) {
      db.prepare("INSERT INTO matches VALUES (?, 0)").run(2147483647 * i + images - i + 1);
    }
  }
  for (let i = 0; i < (run.pairs ?? 100); i++) {
    db.prepare("INSERT INTO matches VALUES (?, 20)").run(i);
    db.prepare("INSERT INTO two_view_geometries VALUES (?, 20, ?)").run(i, run.config ?? 6);
  }
  db.exec("COMMIT");
  db.close();
}
if (args[0] === "matches_importer" && fs.existsSync(option("database_path"))) {
  const db = new DatabaseSync(option("database_path"));
  db.exec("BEGIN");
  const ids = new Map(db.prepare("SELECT name, image_id FROM images").all().map((row) => [row.name, row.image_id]));
  for (const line of fs.readFileSync(option("match_list_path"), "utf8").trim().split("\\n")) {
    const [a, b] = line.split(" ").map((name) => ids.get(name)).sort((one, other) => one - other);
    db.prepare("INSERT OR IGNORE INTO matches VALUES (?, 20)").run(2147483647 * a + b);
    if (plan.runs.mapper?.[0]?.apart) continue;
    db.prepare("INSERT OR IGNORE INTO two_view_geometries VALUES (?, 20, ?)").run(2147483647 * a + b, run.config ?? 6);
  }
  db.exec("COMMIT");
  db.close();
}
(run.models || []).forEach((count, i) => {
  // An extended model goes into the folder itself.
  const to = args.includes("--input_path") ? option("output_path") : path.join(option("output_path"), String(i));
  fs.cpSync(path.join(__dirname, "model-" + count + (run.hollow ? "-hollow" : run.apart && i > 0 ? "-apart" : run.spoilt ? "-" + run.spoilt : "")), to, { recursive: true });
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
  for (const run of Object.values(plan.runs).flat()) {
    for (const count of run.models ?? []) {
      await writeModel(join(dir, `model-${count}`), count, 40 * count);
      await writeModel(join(dir, `model-${count}-hollow`), count, 10 * count - 1);
      if (run.apart)
        await writeModel(join(dir, `model-${count}-apart`), count, 40 * count, undefined, run.models?.[0]);
      const { spoilt } = run;
      if (spoilt) await writeModel(join(dir, `model-${count}-${spoilt}`), count, 40 * count, spoilt);
    }
  }
  return {
    program,
    async calls() {
      const text = await readFile(join(dir, "calls.jsonl"), "utf8").catch(() => "");
      return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as string[]]));
    },
  };
}

function spoil(model: ColmapModel, spoiling: Spoiling): ColmapModel {
  const [first, second, ...others] = model.images;
  const camera = model.cameras.get(1);
  if (!first || !second || !camera) return model;
  const withImage = (changed: Partial<ColmapImage>) => ({
    ...model,
    images: [first, { ...second, ...changed }, ...others],
  });
  const withCamera = (changed: Partial<ColmapCamera>) => ({
    ...model,
    cameras: new Map([[1, { ...camera, ...changed }]]),
  });
  switch (spoiling) {
    case "foreign":
      return withImage({ name: "../../etc/passwd" });
    case "twice":
      return withImage({ name: first.name });
    case "nan":
      return withImage({ translation: [Number.NaN, 0, 0] });
    case "same-poses":
      return {
        ...model,
        images: model.images.map((image) => ({ ...first, id: image.id, name: image.name })),
      };
    case "focal":
      return withCamera({ params: camera.params.map((value, i) => (i === 0 ? 1e7 : value)) });
    case "distortion":
      return withCamera({ model: 2, params: [500, 320, 240, -30] });
    case "size":
      return withCamera({ width: 320, height: 240 });
    case "nan-points":
      return {
        ...model,
        points: model.points.map((point) => ({ ...point, position: [Number.NaN, 0, 0] as const })),
      };
  }
}

/** A model of images on an arc around some points. */
async function writeModel(
  dir: string,
  count: number,
  pointCount: number,
  spoiling?: Spoiling,
  /** Frames before its first one. */
  skipped = 0,
): Promise<void> {
  const poses = Array.from({ length: count }, (_, i) => {
    return lookAt([3 * Math.cos(i / 9), 1, 3 * Math.sin(i / 9)], [0, 0, 0], [0, 1, 0]);
  });
  const whole = modelOf(poses, ballOfPoints(pointCount, [0, 0, 0], 0.7));
  const images = whole.images.map((image, i) => ({
    ...image,
    name: `frame_${String(i + 1 + skipped).padStart(5, "0")}.jpg`,
  }));
  const model = { ...whole, images };
  const files = encodeModel(spoiling ? spoil(model, spoiling) : model);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "cameras.bin"), files.cameras);
  await writeFile(join(dir, "images.bin"), files.images);
  await writeFile(join(dir, "points3D.bin"), files.points);
  await writeFile(join(dir, "project.ini"), "x");
}
