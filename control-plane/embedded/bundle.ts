import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { basename, delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

const PACKAGE_DIR = dirname(import.meta.dirname);
/** Wrangler runs the build command with the first `node` that it finds, which may be older than this one. */
const OWN_NODE_FIRST = [dirname(process.execPath), process.env.PATH].join(delimiter);

/**
 * Builds the same bundle that `wrangler deploy` uploads.
 *
 * @param main the module to bundle; by default the Worker's
 * @returns the path of the bundle's main module
 */
export async function bundleWorker(
  outDir: string,
  main = join(PACKAGE_DIR, "src", "index.ts"),
): Promise<string> {
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
  return join(outDir, `${basename(main, ".ts")}.js`);
}
