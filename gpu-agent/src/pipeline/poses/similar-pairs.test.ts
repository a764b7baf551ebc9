import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Place } from "./colmap-step.ts";
import type { SimilarMatching } from "./settings.ts";
import { similarPairs } from "./similar-pairs.ts";

/** Photos of `SUBJECTS` subjects, which take turns: neighbours in order show different ones. */
const SUBJECTS = 3;
const PHOTOS = 12;
const FEATURES = 60;
const NAMES = Array.from({ length: PHOTOS }, (_, i) => `frame_${i}.jpg`);

let dir = "";
let database = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-similar-"));
  database = join(dir, "database.db");
  const connection = new DatabaseSync(database);
  connection.exec(`CREATE TABLE images (image_id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE descriptors (image_id INTEGER PRIMARY KEY, rows INTEGER, cols INTEGER, data BLOB)`);
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const subjects = Array.from({ length: SUBJECTS }, () =>
    Array.from({ length: FEATURES * 128 }, () => Math.floor(200 * random())),
  );
  for (const [i, name] of NAMES.entries()) {
    const seen = subjects[i % SUBJECTS] ?? [];
    const data = Uint8Array.from(seen, (value) => value + Math.floor(20 * random()));
    connection.prepare("INSERT INTO images VALUES (?, ?)").run(i + 1, name);
    // The last photo has no features.
    if (i < PHOTOS - 1)
      connection.prepare("INSERT INTO descriptors VALUES (?, ?, 128, ?)").run(i + 1, FEATURES, data);
  }
  connection.close();
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const NONE: SimilarMatching = { kind: "similar", alike: 0, across: 0, following: 0, nearby: 0 };

type Places = ReadonlyMap<string, Place>;
type Videos = ReadonlyMap<string, number>;
const NOWHERE: Places = new Map();
const NO_VIDEOS: Videos = new Map();

function pairsOf(
  matching: Partial<SimilarMatching>,
  { places = NOWHERE, videoOf = NO_VIDEOS }: { places?: Places; videoOf?: Videos } = {},
): string[] {
  const pairs = similarPairs(database, { names: NAMES, places, videoOf }, { ...NONE, ...matching });
  if (!pairs.ok) throw new Error(pairs.error);
  return pairs.value.map((pair) => pair.map((name) => NAMES.indexOf(name)).join("-")).toSorted();
}

describe("similarPairs", () => {
  it("pairs each photo with those that look most alike", () => {
    const pairs = pairsOf({ alike: 2 }).map((pair) => pair.split("-").map(Number));
    for (const [a = 0, b = 0] of pairs) expect(a % SUBJECTS).toBe(b % SUBJECTS);
    expect(new Set(pairs.flat()).size).toBe(PHOTOS - 1);
  });

  it("pairs each with the following ones, once", () => {
    const expected = NAMES.flatMap((_, i) => [`${i}-${i + 1}`, `${i}-${i + 2}`]);
    const inside = expected.filter((pair) => Number(pair.split("-")[1]) < PHOTOS);
    expect(pairsOf({ following: 2 })).toEqual(inside.toSorted());
  });

  it("pairs those taken nearby, where that is known", () => {
    const places = new Map<string, Place>([
      ["frame_0.jpg", [0, 0, 0]],
      ["frame_5.jpg", [100, 0, 0]],
      ["frame_9.jpg", [3, 4, 0]],
      ["frame_11.jpg", [100, 7, 0]],
    ]);
    expect(pairsOf({ nearby: 1 }, { places })).toEqual(["0-9", "5-11"].toSorted());
  });

  it("pairs frames of several videos along each, and across by likeness", () => {
    // All but the last photo of the second video show one of few subjects.
    const half = PHOTOS / 2;
    const videoOf = new Map(NAMES.map((name, i) => [name, i < half ? 0 : 1]));
    const across = pairsOf({ across: 1 }, { videoOf }).map((pair) => pair.split("-").map(Number));
    for (const [a = 0, b = 0] of across) {
      expect(a < half && b >= half).toBe(true);
      expect(a % SUBJECTS).toBe(b % SUBJECTS);
    }
    expect(new Set(across.flat()).size).toBe(PHOTOS - 1);
    const within = pairsOf({ alike: 1, following: 2 }, { videoOf }).map((pair) =>
      pair.split("-").map(Number),
    );
    const jumps = within.filter(([a = 0, b = 0]) => b - a > 2);
    expect(jumps.length).toBeGreaterThan(0);
    for (const [a = 0, b = 0] of jumps) expect(a < half).toBe(b < half);
  });

  it("says why a database cannot be read", () => {
    expect(
      similarPairs(join(dir, "none.db"), { names: NAMES, places: NOWHERE, videoOf: NO_VIDEOS }, NONE),
    ).toMatchObject({ ok: false });
  });
});
