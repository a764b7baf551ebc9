import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { startWorkerAlone, type WorkerAlone } from "../worker-alone.ts";

/**
 * The version before this one, as it was packed and deployed: this version's agents and control planes must work with
 * it. `npm run keep-version` makes the archive.
 */
const ARCHIVE = join(import.meta.dirname, "version.tar.br");

export interface PreviousVersion {
  /** The folder of the packed agent, which lacks its dependencies (`sharp`, and `splat-transform`, which it still used). */
  readonly agentDir: string;
  /** The command line, a module for Node. */
  readonly clientProgram: string;
}

export async function unpackPreviousVersion(dir: string): Promise<PreviousVersion> {
  await mkdir(dir, { recursive: true });
  const tar = spawn("tar", ["-x", "-C", dir], { stdio: ["pipe", "ignore", "inherit"] });
  tar.stdin.end(await promisify(brotliDecompress)(await readFile(ARCHIVE)));
  const [code] = await once(tar, "exit");
  if (code !== 0) throw new Error(`tar ended with ${code}`);
  return { agentDir: join(dir, "agent"), clientProgram: join(dir, "client", "dist", "main.js") };
}

/** @param dir where `unpackPreviousVersion` has unpacked it */
export async function startPreviousControlPlane(dir: string, apiKey: string): Promise<WorkerAlone> {
  return startWorkerAlone({
    script: join(dir, "worker", "index.js"),
    stateDir: join(dir, "state"),
    migrations: join(dir, "migrations"),
    apiKey,
  });
}
