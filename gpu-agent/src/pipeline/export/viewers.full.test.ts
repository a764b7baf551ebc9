/*
 * Opens the result files in the viewers that people use, in a headless Chromium, and looks whether the scene stands
 * upright. Skipped where there is no Chromium.
 */
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { emptySplatCloud, type Matrix4, writeShPly } from "@splatt/formats";
import { ok } from "@splatt/shared";
import { pino } from "pino";
import { type Browser, chromium } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../../engines/engine.ts";
import { createExportStage } from "./export-stage.ts";

const CHROMIUM = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);

const SIZE = 200;
const GAUSSIANS = 600;
const LOAD_TIMEOUT_MS = 60_000;

const REPORT = {
  gaussians: GAUSSIANS,
  iterations: 1,
  sh_degree: 1,
  width: SIZE,
  height: SIZE,
  held_out_frames: 0,
  psnr: null,
  ssim: null,
};

let dir = "";
let browser: Browser;
let server: Server;
let origin = "";

/** A ball whose upper half is green and lower half red, in a frame with z up, as the poses stage makes them. */
async function writeModel(file: string): Promise<void> {
  const cloud = emptySplatCloud(GAUSSIANS, 1);
  for (let i = 0; i < GAUSSIANS; i++) {
    const z = 1 - (2 * (i + 0.5)) / GAUSSIANS;
    const angle = i * 2.399963;
    const radius = Math.sqrt(1 - z * z);
    cloud.positions.set([radius * Math.cos(angle), radius * Math.sin(angle), z], 3 * i);
    cloud.logScales.fill(Math.log(0.08), 3 * i, 3 * i + 3);
    cloud.rotations[4 * i] = 1;
    cloud.opacities[i] = 5;
    cloud.dc.set(z > 0 ? [-1.7, 1.7, -1.7] : [1.7, -1.7, -1.7], 3 * i);
    cloud.rest.fill(0.01, 9 * i, 9 * i + 9);
  }
  await writeShPly(file, cloud);
}

/** A camera at (0, −3, 0) that looks along +y, with z up. */
const CAMERA: Matrix4 = [
  [1, 0, 0, 0],
  [0, 0, -1, -3],
  [0, 1, 0, 0],
  [0, 0, 0, 1],
];

async function exportResults(): Promise<void> {
  const model = join(dir, "model.ply");
  await writeModel(model);
  const transforms = {
    ...{ camera_model: "OPENCV", w: SIZE, h: SIZE, fl_x: SIZE, fl_y: SIZE, cx: SIZE / 2, cy: SIZE / 2 },
    ...{ k1: 0, k2: 0, p1: 0, p2: 0, train_filenames: [], val_filenames: [], test_filenames: [] },
    frames: [{ file_path: "images/1.jpg", transform_matrix: CAMERA }],
    applied_transform: CAMERA.slice(0, 3),
    applied_scale: 1,
    ply_file_path: "sparse_pc.ply",
  };
  await writeFile(join(dir, "transforms.json"), JSON.stringify(transforms));
  const stageDir = join(dir, "results");
  await mkdir(stageDir);
  const engine: Engine = {
    name: "builtin",
    probe: async () => ({ name: "builtin", usable: true, version: null, reason: "" }),
    train: async () => ok({ report: REPORT, model }),
    exportSplats: async (_dir, _model, file) => {
      await copyFile(model, file);
      return ok(REPORT);
    },
  };
  const stage = createExportStage(engine, null, GAUSSIANS);
  const context = {
    signal: new AbortController().signal,
    log: pino({ level: "silent" }),
    dir: stageDir,
    report: () => undefined,
    toolOutput: () => undefined,
  };
  const done = await stage.run({ datasetDir: dir, trainDir: dir, model: { report: REPORT, model } }, context);
  if (!done.ok) throw new Error(done.error.detail);
  expect(done.value.missing).toEqual([]);
}

const packageDir = (name: string) => dirname(fileURLToPath(import.meta.resolve(name)));

const SPARK_PAGE = (file: string) => `<!doctype html>
<style>body { margin: 0 }</style>
<script type="importmap">{"imports": {
  "three": "/three/three.module.js", "three/addons/": "/three-addons/", "@sparkjsdev/spark": "/spark/spark.module.js"}}</script>
<script type="module">
import * as THREE from "three";
import { SparkRenderer, SplatMesh } from "@sparkjsdev/spark";
const renderer = new THREE.WebGLRenderer({ preserveDrawingBuffer: true });
renderer.setSize(${SIZE}, ${SIZE});
document.body.append(renderer.domElement);
const scene = new THREE.Scene();
scene.add(new SparkRenderer({ renderer }));
const camera = new THREE.PerspectiveCamera(60, 1, 0.1, 100);
camera.position.set(0, 0, 3);
const splat = new SplatMesh({ url: "/results/${file}" });
// As its documentation and its viewer turn what they open.
splat.quaternion.set(1, 0, 0, 0);
scene.add(splat);
splat.initialized.then(() => {
  let frames = 0;
  renderer.setAnimationLoop(() => {
    renderer.render(scene, camera);
    if (++frames === 30) window.loaded = splat.packedSplats?.numSplats ?? splat.numSplats;
  });
}, (error) => { window.failed = String(error); });
</script>`;

const SETTINGS = {
  version: 2,
  tonemapping: "none",
  highPrecisionRendering: false,
  background: { color: [0, 0, 0] },
  postEffectSettings: {
    sharpness: { enabled: false, amount: 0 },
    bloom: { enabled: false, intensity: 1, blurLevel: 2 },
    grading: { enabled: false, brightness: 0, contrast: 1, saturation: 1, tint: [1, 1, 1] },
    vignette: { enabled: false, intensity: 0.5, inner: 0.3, outer: 0.75, curvature: 1 },
    fringing: { enabled: false, intensity: 0.5 },
  },
  animTracks: [],
  cameras: [{ initial: { position: [0, 0, 3], target: [0, 0, 0], fov: 60 } }],
  annotations: [],
  startMode: "default",
};

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".html": "text/html",
  ".css": "text/css",
};

/** Serves the results, the viewers' packages, and a page for each file. */
async function serve(): Promise<void> {
  const roots: Readonly<Record<string, string>> = {
    results: join(dir, "results"),
    three: join(packageDir("three"), "..", "build"),
    "three-addons": join(packageDir("three"), "..", "examples", "jsm"),
    spark: packageDir("@sparkjsdev/spark"),
    supersplat: join(packageDir("@playcanvas/supersplat-viewer"), "..", "public"),
  };
  server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const [, root = "", ...rest] = normalize(pathname).split("/");
    const send = (body: string | Buffer, type: string) => response.setHeader("Content-Type", type).end(body);
    if (pathname.startsWith("/spark-page/")) return send(SPARK_PAGE(rest.join("/")), "text/html");
    if (pathname.endsWith("/settings.json")) return send(JSON.stringify(SETTINGS), "application/json");
    const folder = roots[root];
    const body = folder === undefined ? null : await readFile(join(folder, ...rest)).catch(() => null);
    if (body === null) return response.writeHead(404).end();
    send(body, TYPES[extname(pathname)] ?? "application/octet-stream");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  if (CHROMIUM === undefined) return;
  dir = await mkdtemp(join(tmpdir(), "splatt-viewers-"));
  await exportResults();
  await serve();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}, LOAD_TIMEOUT_MS);
afterAll(async () => {
  await browser?.close();
  server?.close();
  if (dir !== "") await rm(dir, { recursive: true });
});

/** The mean colour of the scene's upper and lower half in a picture of the page, of 200 × 200 pixels. */
async function halves(screenshot: Buffer) {
  const part = async (top: number) => {
    const region = { left: 70, top, width: 60, height: 30 };
    const pixels = await sharp(screenshot).removeAlpha().extract(region).raw().toBuffer();
    const mean = (channel: number) =>
      pixels.reduce((sum, value, i) => sum + (i % 3 === channel ? value : 0), 0) / (pixels.length / 3);
    return { red: mean(0), green: mean(1) };
  };
  return { upper: await part(56), lower: await part(114) };
}

function expectUpright({ upper, lower }: Awaited<ReturnType<typeof halves>>): void {
  expect(upper.green).toBeGreaterThan(100);
  expect(upper.green).toBeGreaterThan(3 * upper.red);
  expect(lower.red).toBeGreaterThan(100);
  expect(lower.red).toBeGreaterThan(3 * lower.green);
}

describe.skipIf(CHROMIUM === undefined)("in the viewers", () => {
  it.each(["baked_splat.spz", "baked_splat.sog"])(
    "%s stands upright in Spark",
    async (file) => {
      const page = await browser.newPage({ viewport: { width: SIZE, height: SIZE } });
      await page.goto(`${origin}/spark-page/${file}`);
      const state = await page.waitForFunction("window.loaded || window.failed", null, {
        timeout: LOAD_TIMEOUT_MS,
      });
      expect(await state.jsonValue()).toBe(GAUSSIANS);
      expectUpright(await halves(await page.screenshot()));
      await page.close();
    },
    LOAD_TIMEOUT_MS,
  );

  it(
    "baked_splat_sh.ply opens in Spark",
    async () => {
      const file = "baked_splat_sh.ply";
      const page = await browser.newPage({ viewport: { width: SIZE, height: SIZE } });
      await page.goto(`${origin}/spark-page/${file}`);
      const state = await page.waitForFunction("window.loaded || window.failed", null, {
        timeout: LOAD_TIMEOUT_MS,
      });
      expect(await state.jsonValue()).toBe(GAUSSIANS);
      await page.close();
    },
    LOAD_TIMEOUT_MS,
  );

  it.each(["baked_splat.sog", "lod-meta.json"])(
    "%s stands upright in SuperSplat's viewer",
    async (file) => {
      const page = await browser.newPage({ viewport: { width: SIZE, height: SIZE } });
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      await page.goto(`${origin}/supersplat/index.html?webgl&noui&content=/results/${file}`);
      await expect
        .poll(async () => (await halves(await page.screenshot())).upper.green, { timeout: LOAD_TIMEOUT_MS })
        .toBeGreaterThan(100);
      expectUpright(await halves(await page.screenshot()));
      expect(errors).toEqual([]);
      await page.close();
    },
    LOAD_TIMEOUT_MS,
  );

  it(
    "baked_splat_sh.ply opens in SuperSplat's viewer",
    async () => {
      const page = await browser.newPage({ viewport: { width: SIZE, height: SIZE } });
      const errors: string[] = [];
      page.on("pageerror", (error) => errors.push(String(error)));
      await page.goto(`${origin}/supersplat/index.html?webgl&noui&content=/results/baked_splat_sh.ply`);
      // A PLY has the axes of transforms.json, so it lies on its side there.
      const brightest = async () => {
        const { upper, lower } = await halves(await page.screenshot());
        return Math.max(upper.red, upper.green, lower.red, lower.green);
      };
      await expect.poll(brightest, { timeout: LOAD_TIMEOUT_MS }).toBeGreaterThan(100);
      expect(errors).toEqual([]);
      await page.close();
    },
    LOAD_TIMEOUT_MS,
  );
});
