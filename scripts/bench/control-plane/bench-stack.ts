import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EmbeddedOptions } from "@splatt/control-plane/embedded";
import { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import { Splatt } from "splatt";

const API_KEY = "bench-key";

/** `splatt` is the shipped Worker; `bare` the minimal Worker that does the same work. */
export type WorkerName = "splatt" | "bare";

export interface StackOptions {
  readonly worker: WorkerName;
  /** Added to every call of D1. */
  readonly d1DelayMs?: number;
  /** By default a temporary folder, removed with the stack. */
  readonly dataDir?: string;
  /** Overrides of the front door's limits. */
  readonly limits?: EmbeddedOptions["limits"];
  /** Where videos and receivers of webhooks may be. */
  readonly sources?: EmbeddedOptions["sources"];
}

/** A control plane on real workerd, in a separate process with a new database. */
export interface BenchStack extends AsyncDisposable {
  readonly worker: WorkerName;
  readonly url: string;
  readonly apiKey: string;
  readonly client: Splatt;
  /** Resident memory of workerd, bytes. */
  runtimeMemory(): Promise<number>;
}

export async function startStack({
  worker,
  d1DelayMs = 0,
  dataDir,
  limits,
  sources,
}: StackOptions): Promise<BenchStack> {
  const dir = dataDir ?? (await mkdtemp(join(tmpdir(), "splatt-bench-")));
  const main = worker === "bare" ? "bare-worker" : d1DelayMs > 0 ? "faulty-worker" : null;
  const bindings = { D1_DELAY_MS: String(d1DelayMs) };
  const testing = main === null ? {} : { testing: { main: testingModule(main), bindings } };
  const controlPlane = await ControlPlaneProcess.start(
    { dataDir: dir, apiKey: API_KEY, ...(limits && { limits }), ...(sources && { sources }), ...testing },
    (line) => {
      if (!line.startsWith("{") || line.includes('"level":"error"')) console.error(line);
    },
  );
  return {
    worker,
    url: controlPlane.url,
    apiKey: API_KEY,
    client: new Splatt({ url: controlPlane.url, apiKey: API_KEY }),
    async runtimeMemory() {
      const [runtime] = JSON.parse(await readFile(join(dir, "runtime.json"), "utf8")) as { pid: number }[];
      return residentMemory(runtime?.pid ?? 0);
    },
    async [Symbol.asyncDispose]() {
      await controlPlane.stop();
      if (dataDir === undefined) await rm(dir, { recursive: true });
    },
  };
}

/** The path of a module that replaces the Worker's entry module. */
function testingModule(name: string): string {
  return createRequire(import.meta.url).resolve(`@splatt/control-plane/testing/${name}`);
}

/** Resident memory of a process, bytes. */
export async function residentMemory(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
