/*
 * Opens the result files in the viewers that people use, in a headless Chromium, and compares what they show with a
 * picture by the agent's own renderer. Skipped where there is no Chromium.
 */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fetchBabylon } from "./testing/babylon.ts";
import {
  babylonPage,
  gaussianSplats3dPage,
  type PageState,
  SUPERSPLAT_SETTINGS,
  sparkPage,
} from "./testing/pages.ts";
import { exportResults } from "./testing/results.ts";
import {
  cameraPose,
  expectedPicture,
  GAUSSIANS,
  mirrored,
  type Placement,
  psnr,
  SIZE,
  testScene,
  withoutHarmonics,
} from "./testing/scene.ts";

const CHROMIUM = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);

const LOAD_TIMEOUT_MS = 120_000;
const SET_UP_TIMEOUT_MS = 300_000;
/** Renderers differ in how they blur small gaussians and cut off their edges. */
const SAME_PICTURE_DB = 25;
const OTHER_PICTURE_DB = 18;

const PLYS = ["baked_splat.ply", "baked_splat_sh.ply"];
const frameOf = (file: string) => (file.endsWith(".ply") ? "ply" : "web");

/** Stands the axes of the web formats upright, as the viewers' documentation does. */
const HALF_TURN = { axis: "x", degrees: 180 } as const;
/** Stands the PLYs upright, whose z axis is up. */
const QUARTER_TURN = { axis: "x", degrees: -90 } as const;

/** A viewer with a page of ours: where it shows a file, and which files. */
interface Viewer {
  readonly page: (file: string, placement: Placement) => string;
  readonly placement: (file: string) => Placement;
  readonly files: readonly string[];
}

const turnedUpright = (file: string): Placement =>
  file.endsWith(".ply") ? { turn: QUARTER_TURN, frame: "ply" } : { turn: HALF_TURN, frame: "web" };

const VIEWERS: Readonly<Record<string, Viewer>> = {
  // It shows a PLY without f_dc, such as baked_splat.ply, as a cloud of points.
  Spark: {
    page: sparkPage,
    placement: turnedUpright,
    files: ["baked_splat_sh.ply", "baked_splat.spz", "baked_splat.sog", "lod-0-0.sog"],
  },
  // It reads .spz up to version 2.
  GaussianSplats3D: { page: gaussianSplats3dPage, placement: turnedUpright, files: PLYS },
  // It turns whatever it opens by 180° about x.
  Babylon: {
    page: babylonPage,
    placement: (file) => ({ turn: HALF_TURN, frame: frameOf(file) }),
    files: [...PLYS, "baked_splat.spz", "baked_splat.sog", "lod-0-0.sog"],
  },
};

/** SuperSplat's viewer is a page of its own, which turns whatever it opens by 180° about z. */
const inSuperSplat = (file: string): Placement => ({
  turn: { axis: "z", degrees: 180 },
  frame: frameOf(file),
});

let dir = "";
let browser: Browser;
let server: Server;
let babylon: string | null = null;
let origin = "";

const packageDir = (name: string) => dirname(fileURLToPath(import.meta.resolve(name)));

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".html": "text/html",
  ".css": "text/css",
};

/** Serves the results, the viewers' packages, and a page for each file. */
async function serve(results: string): Promise<void> {
  const roots: Readonly<Record<string, string>> = {
    results,
    three: join(packageDir("three"), "..", "build"),
    "three-addons": join(packageDir("three"), "..", "examples", "jsm"),
    spark: packageDir("@sparkjsdev/spark"),
    "gaussian-splats-3d": packageDir("@mkkellogg/gaussian-splats-3d"),
    fflate: join(packageDir("fflate"), "..", "umd"),
    spz: packageDir("@adobe/spz"),
    babylon: babylon ?? "",
    supersplat: join(packageDir("@playcanvas/supersplat-viewer"), "..", "public"),
  };
  server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const [, root = "", ...rest] = normalize(pathname).split("/");
    const send = (body: string | Buffer, type: string) => response.setHeader("Content-Type", type).end(body);
    const [viewer, file = ""] = [VIEWERS[decodeURIComponent(root)], rest.join("/")];
    const page = viewer?.page(file, viewer.placement(file));
    if (page !== undefined) return send(page, "text/html");
    if (pathname.endsWith("/settings.json")) {
      return send(JSON.stringify(SUPERSPLAT_SETTINGS), "application/json");
    }
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
  babylon = await fetchBabylon();
  await serve(await exportResults(dir, cameraPose(turnedUpright("baked_splat_sh.ply"))));
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}, SET_UP_TIMEOUT_MS);
afterAll(async () => {
  await browser?.close();
  server?.close();
  if (dir !== "") await rm(dir, { recursive: true });
});

async function pixelsOf(picture: Buffer): Promise<Uint8Array> {
  return new Uint8Array(await sharp(picture).removeAlpha().raw().toBuffer());
}

/** What the viewer should show of a file. `baked_splat.ply` has one colour a gaussian. */
function expectedOf(file: string, placement: Placement): Uint8Array {
  const scene = testScene();
  return expectedPicture(file === "baked_splat.ply" ? withoutHarmonics(scene) : scene, cameraPose(placement));
}

function expectSamePicture(shown: Uint8Array, expected: Uint8Array): void {
  expect(psnr(shown, expected)).toBeGreaterThan(SAME_PICTURE_DB);
  // The comparison sees a scene that is mirrored, or stands on its head.
  expect(psnr(shown, mirrored(expected))).toBeLessThan(OTHER_PICTURE_DB);
  expect(psnr(shown, expected.toReversed())).toBeLessThan(OTHER_PICTURE_DB);
}

async function withPage(path: string, look: (page: Page) => Promise<void>): Promise<void> {
  const page = await browser.newPage({ viewport: { width: SIZE, height: SIZE } });
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`${origin}${path}`);
  await look(page);
  expect(errors).toEqual([]);
  await page.close();
}

describe.skipIf(CHROMIUM === undefined)("in the viewers", { timeout: LOAD_TIMEOUT_MS }, () => {
  const cases = Object.entries(VIEWERS).flatMap(([name, viewer]) =>
    viewer.files.map((file) => ({ name, viewer, file })),
  );

  it.for(cases)("$name shows $file as the agent does", async ({ name, viewer, file }, { skip }) => {
    if (name === "Babylon" && babylon === null) skip("Babylon comes from npm, which cannot be reached");
    await withPage(`/${name}/${file}`, async (page) => {
      const state = await page.waitForFunction("window.state", null, { timeout: LOAD_TIMEOUT_MS });
      expect((await state.jsonValue()) as PageState).toEqual({ gaussians: GAUSSIANS });
      const shown = await pixelsOf(await page.screenshot());
      expectSamePicture(shown, expectedOf(file, viewer.placement(file)));
    });
  });

  it.each(["baked_splat_sh.ply", "baked_splat.sog", "lod-meta.json"])(
    "SuperSplat's viewer shows %s as the agent does",
    (file) =>
      withPage(`/supersplat/index.html?webgl&noui&noanim&content=/results/${file}`, async (page) => {
        const expected = expectedOf(file, inSuperSplat(file));
        const likeness = async () => psnr(await pixelsOf(await page.screenshot()), expected);
        await expect.poll(likeness, { timeout: LOAD_TIMEOUT_MS }).toBeGreaterThan(SAME_PICTURE_DB);
        expectSamePicture(await pixelsOf(await page.screenshot()), expected);
      }),
  );

  it("the thumbnail shows the same", async () => {
    const thumbnail = await pixelsOf(await readFile(join(dir, "results", "thumbnail.webp")));
    expectSamePicture(thumbnail, expectedOf("baked_splat_sh.ply", turnedUpright("baked_splat_sh.ply")));
  });
});
