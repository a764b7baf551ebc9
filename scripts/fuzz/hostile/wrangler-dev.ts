import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";
import type { HostileTarget } from "./hostile-clients.ts";

const API_KEY = "key-for-wrangler-dev";
const CONTROL_PLANE = join(ROOT, "control-plane");
const CLI = join(
  dirname(createRequire(join(CONTROL_PLANE, "package.json")).resolve("wrangler/package.json")),
  "bin",
  "wrangler.js",
);
/** Nothing leaves the machine, and nothing is asked. */
const QUIET = { WRANGLER_SEND_METRICS: "false", CI: "1", CLOUDFLARE_CF_FETCH_ENABLED: "false" };

/** The Worker in `wrangler dev`, as on Cloudflare: without the front door. */
export class WranglerDev implements HostileTarget, AsyncDisposable {
  readonly apiKey = API_KEY;
  readonly url: string;
  /** What the Worker printed, not wrangler. */
  readonly log: readonly string[];
  /**
   * The server before the Worker answers bad framing with 500. Cloudflare's edge refuses it; the Worker never sees it.
   */
  readonly counts = (answer: string) => /^x-request-id:/im.test(answer);
  readonly #child: ChildProcess;
  readonly #dir: string;

  private constructor(url: string, log: readonly string[], child: ChildProcess, dir: string) {
    this.url = url;
    this.log = log;
    this.#child = child;
    this.#dir = dir;
  }

  static async start(): Promise<WranglerDev> {
    const dir = await mkdtemp(join(tmpdir(), "splatt-wrangler-"));
    const data = ["--local", "--persist-to", dir];
    await execa(process.execPath, [CLI, "d1", "migrations", "apply", "splatt", ...data], {
      cwd: CONTROL_PLANE,
      env: QUIET,
    });
    const child = spawn(
      process.execPath,
      [CLI, "dev", ...data, "--port", "0", "--var", `GPU_API_KEY:${API_KEY}`],
      { cwd: CONTROL_PLANE, env: { ...process.env, ...QUIET }, stdio: ["ignore", "pipe", "pipe"] },
    );
    const log: string[] = [];
    const said: string[] = [];
    const ready = new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          said.push(line);
          if (line.startsWith("{")) log.push(line);
          const url = /Ready on (http:\S+)/.exec(line)?.[1];
          if (url !== undefined) resolve(url);
        });
      }
      child.once("exit", () => reject(new Error(said.join("\n"))));
    });
    return new WranglerDev(await ready, log, child, dir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
    await rm(this.#dir, { recursive: true, force: true });
  }
}
