import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, delimiter, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { ASSETS_DIR } from "./build-assets.ts";
import { cachedBuild } from "./build-cache.ts";

const PACKAGE_DIR = dirname(import.meta.dirname);
const EMBEDDED_WORKER = join(PACKAGE_DIR, "src", "embedded", "embedded-worker.ts");
/** Wrangler runs the build command with the first `node` that it finds, which may be older than this one. */
const OWN_NODE_FIRST = [dirname(process.execPath), process.env.PATH].join(delimiter);

/** What the bundle and the assets are made of: their own sources, and the lock file for everything else. */
const SOURCES = [
  "pnpm-lock.yaml",
  "control-plane/{package.json,wrangler.jsonc,tsconfig.json}",
  "control-plane/src/!(web)/**",
  "control-plane/src/*.ts",
  "control-plane/src/web/*",
  "control-plane/src/web/!(dist)/**",
  "control-plane/embedded/{build-assets,build-cache,bundle}.ts",
  "control-plane/embedded/distribution/*",
  "{shared,gpu-agent,gpu-agent/cpu-trainer,gpu-agent/formats,control-plane/client}/{package.json,src/**}",
];

export interface WorkerBundle {
  /** The path of the main module. */
  readonly script: string;
  /** The folder of the static files that belong to it. */
  readonly assets: string;
}

/**
 * Builds the same bundle that `wrangler deploy` uploads. It is cached, because every start needs it.
 *
 * @param main the module to bundle, of the control plane's sources
 */
export async function bundleWorker(main = EMBEDDED_WORKER): Promise<WorkerBundle> {
  // Two modules may have the same file name.
  const name = `worker-${relative(PACKAGE_DIR, main).replace(/\W+/g, "-")}`;
  const dir = await cachedBuild({ name, sources: SOURCES, make: (made) => build(made, main) });
  return { script: join(dir, `${basename(main, ".ts")}.js`), assets: join(dir, "assets") };
}

async function build(outDir: string, main: string): Promise<void> {
  const wrangler = createRequire(import.meta.url).resolve("wrangler/package.json");
  const cli = join(dirname(wrangler), "bin", "wrangler.js");
  const quiet = {
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_HIDE_BANNER: "true",
  };
  await promisify(execFile)(process.execPath, [cli, "deploy", main, "--dry-run", "--outdir", outDir], {
    cwd: PACKAGE_DIR,
    env: { ...process.env, ...quiet, CI: "1", WRANGLER_LOG_PATH: join(outDir, "logs"), PATH: OWN_NODE_FIRST },
  });
  // Wrangler's build command has made them.
  await cp(ASSETS_DIR, join(outDir, "assets"), { recursive: true });
}
