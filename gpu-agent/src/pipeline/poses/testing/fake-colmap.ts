import { once } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
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
  | "nan-points"
  | "behind"
  | "swapped";

export interface FakePlan {
  readonly help?: string;
  readonly runs: Readonly<Record<string, readonly FakeRun[]>>;
}

export interface FakeColmap {
  readonly program: string;
  /** The arguments of each run so far. */
  readonly calls: readonly (readonly string[])[];
}

const HELP =
  "COLMAP 3.8 -- Structure-from-Motion and Multi-View Stereo\n(Commit Unknown on Unknown without CUDA)";

/**
 * The program asks the test's own process what to do: starting Node for each command would take most of a test's time.
 * It sends its arguments, and runs the answer.
 */
const PROGRAM = `#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/PORT
printf '%s\\0' "$@" '' >&3
eval "$(cat <&3)"
`;

/** Makes a program in `dir` that behaves as planned. */
export async function fakeColmap(dir: string, plan: FakePlan): Promise<FakeColmap> {
  await mkdir(dir, { recursive: true });
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
  const calls: string[][] = [];
  const server = createServer((socket) => {
    let request = "";
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      request += chunk;
      if (!request.endsWith("\0\0")) return;
      const args = request.slice(0, -2).split("\0");
      if (args[0] === "-h") return socket.end(print([plan.help ?? HELP]));
      const earlier = calls.filter(([command]) => command === args[0]).length;
      calls.push(args);
      const runs = plan.runs[args[0] ?? ""] ?? [{}];
      const run = runs[Math.min(earlier, runs.length - 1)] ?? {};
      leaveFiles(dir, plan, run, args);
      socket.end(`${print(run.lines ?? [])}\n${ending(run)}`);
    });
  });
  server.listen(0, "127.0.0.1").unref();
  await once(server, "listening");
  const program = join(dir, "colmap");
  await writeFile(program, PROGRAM.replace("PORT", String((server.address() as AddressInfo).port)));
  await chmod(program, 0o755);
  return { program, calls };
}

/** In the words of a shell. */
function print(lines: readonly string[]): string {
  const quoted = lines.map((line) => `'${line.replaceAll("'", "'\\''")}'`);
  return quoted.length === 0 ? "" : `printf '%s\\n' ${quoted.join(" ")}`;
}

function ending({ signal, hangs, exitCode = 0 }: FakeRun): string {
  if (signal !== undefined) return `kill -${signal} $$`;
  return hangs ? "exec sleep 1000000" : `exit ${exitCode}`;
}

function leaveFiles(dir: string, plan: FakePlan, run: FakeRun, args: readonly string[]): void {
  const option = (name: string) => args[args.indexOf(`--${name}`) + 1] ?? "";
  const database = option("database_path");
  const isApart = plan.runs.mapper?.[0]?.apart === true;
  switch (args[0]) {
    case "feature_extractor":
      if (run.database !== "missing") leaveFeatures(database, run, option("image_path"));
      if (run.database === "damaged") writeFileSync(database, "no database at all");
      break;
    case "exhaustive_matcher":
    case "sequential_matcher":
      if (existsSync(database)) leaveMatches(database, run, isApart);
      break;
    case "matches_importer":
      if (existsSync(database)) leavePairs(database, option("match_list_path"), run, isApart);
      break;
  }
  for (const [i, count] of (run.models ?? []).entries()) {
    // An extended model goes into the folder itself.
    const to = args.includes("--input_path") ? option("output_path") : join(option("output_path"), String(i));
    const suffix = run.hollow
      ? "-hollow"
      : run.apart && i > 0
        ? "-apart"
        : run.spoilt
          ? `-${run.spoilt}`
          : "";
    cpSync(join(dir, `model-${count}${suffix}`), to, { recursive: true });
    if (run.cut) truncateSync(join(to, "images.bin"), 5000);
  }
}

/** Nothing of it has to survive a crash. */
function databaseAt(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
  return db;
}

function leaveFeatures(path: string, run: FakeRun, images: string): void {
  using db = databaseAt(path);
  db.exec(`CREATE TABLE cameras (camera_id INTEGER PRIMARY KEY, model INTEGER, width INTEGER, height INTEGER,
      params BLOB, prior_focal_length INTEGER);
    CREATE TABLE images (image_id INTEGER PRIMARY KEY, name TEXT, camera_id INTEGER);
    CREATE TABLE keypoints (image_id INTEGER PRIMARY KEY, rows INTEGER);
    CREATE TABLE matches (pair_id INTEGER PRIMARY KEY, rows INTEGER);
    CREATE TABLE two_view_geometries (pair_id INTEGER PRIMARY KEY, rows INTEGER, config INTEGER);
    BEGIN`);
  db.prepare("INSERT INTO cameras VALUES (1, 2, ?, ?, x'00', 0)").run(...(run.imageSize ?? [640, 480]));
  for (const name of run.images ?? readdirSync(images)) {
    const { lastInsertRowid: id } = db
      .prepare("INSERT INTO images (name, camera_id) VALUES (?, 1)")
      .run(name);
    db.prepare("INSERT INTO keypoints VALUES (?, ?)").run(id, run.features ?? 2000);
  }
  db.exec("COMMIT");
}

/** COLMAP's id of a pair of images, the first of which has the smaller id. */
const pairId = (first: number, second: number) => 2147483647 * first + second;

function leaveMatches(path: string, run: FakeRun, isApart: boolean): void {
  using db = databaseAt(path);
  db.exec("BEGIN");
  if (isApart) {
    const images = db.prepare("SELECT image_id FROM images").all().length;
    for (let i = 1; i <= images / 2; i++) {
      db.prepare("INSERT INTO matches VALUES (?, 0)").run(pairId(i, images - i + 1));
    }
  }
  for (let i = 0; i < (run.pairs ?? 100); i++) {
    db.prepare("INSERT INTO matches VALUES (?, 20)").run(i);
    db.prepare("INSERT INTO two_view_geometries VALUES (?, 20, ?)").run(i, run.config ?? 6);
  }
  db.exec("COMMIT");
}

function leavePairs(path: string, list: string, run: FakeRun, isApart: boolean): void {
  using db = databaseAt(path);
  db.exec("BEGIN");
  const rows = db.prepare("SELECT name, image_id FROM images").all();
  const ids = new Map(rows.map(({ name, image_id }) => [name, Number(image_id)]));
  for (const line of readFileSync(list, "utf8").trim().split("\n")) {
    const pair = line.split(" ").map((name) => ids.get(name) ?? Number.NaN);
    const id = pairId(Math.min(...pair), Math.max(...pair));
    db.prepare("INSERT OR IGNORE INTO matches VALUES (?, 20)").run(id);
    if (isApart) continue;
    db.prepare("INSERT OR IGNORE INTO two_view_geometries VALUES (?, 20, ?)").run(id, run.config ?? 6);
  }
  db.exec("COMMIT");
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
    case "behind":
      return {
        ...model,
        images: model.images.map(({ translation: [x, y, z], ...image }) => ({
          ...image,
          translation: [x, y, -z] as const,
        })),
      };
    case "swapped": {
      const poses = model.images.map(({ quaternion, translation }) => ({ quaternion, translation }));
      return { ...model, images: model.images.map((image, i) => ({ ...image, ...poses.at(-1 - i) })) };
    }
    case "nan-points":
      return {
        ...model,
        points: model.points.map((point) => ({ ...point, position: [Number.NaN, 0, 0] as const })),
      };
  }
}

type ModelFiles = ReturnType<typeof encodeModel>;
/** Many tests of a file use the same models. */
const encoded = new Map<string, ModelFiles>();

async function writeModel(dir: string, ...shape: Parameters<typeof encodedModel>): Promise<void> {
  const key = JSON.stringify(shape);
  const files = encoded.get(key) ?? encodedModel(...shape);
  encoded.set(key, files);
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "cameras.bin"), files.cameras);
  await writeFile(join(dir, "images.bin"), files.images);
  await writeFile(join(dir, "points3D.bin"), files.points);
  await writeFile(join(dir, "project.ini"), "x");
}

/** A model of images on an arc around some points. */
function encodedModel(
  count: number,
  pointCount: number,
  spoiling?: Spoiling,
  /** Frames before its first one. */
  skipped = 0,
): ModelFiles {
  const poses = Array.from({ length: count }, (_, i) => {
    return lookAt([3 * Math.cos(i / 9), 1, 3 * Math.sin(i / 9)], [0, 0, 0], [0, 1, 0]);
  });
  const whole = modelOf(poses, ballOfPoints(pointCount, [0, 0, 0], 0.7));
  const images = whole.images.map((image, i) => ({
    ...image,
    name: `frame_${String(i + 1 + skipped).padStart(5, "0")}.jpg`,
  }));
  const model = { ...whole, images };
  return encodeModel(spoiling ? spoil(model, spoiling) : model);
}
