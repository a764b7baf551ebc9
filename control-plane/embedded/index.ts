import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { SourcePolicy } from "@splatt/shared";
import { makeFolder } from "@splatt/shared/folders";
import { convertV4MiniflareOptions, Miniflare, type Request, Response } from "miniflare";
import type { StorageState } from "../src/storage/storage-state.ts";
import type { WorkerVariables } from "../src/worker-variables.ts";
import { assetsService } from "./assets-service.ts";
import { bundleWorker } from "./bundle.ts";
import { FrontDoor, newDoorSecret } from "./front-door/front-door.ts";
import { DOOR_LIMITS, type DoorLimits } from "./front-door/limits.ts";
import { Transfers } from "./front-door/transfers.ts";
import { migrate } from "./migrate.ts";
import { DiskWatch } from "./object-store/disk-watch.ts";
import { importMiniflareBucket } from "./object-store/import-miniflare.ts";
import { ObjectStore } from "./object-store/object-store.ts";
import { storeService } from "./object-store/store-service.ts";
import { outboundService } from "./outbound.ts";
import { HOST, runtimeOptions } from "./runtime-options.ts";
import { endStaleRuntime, enterFolder, isRuntimeRunning, noteRuntime } from "./runtime-process.ts";

export interface EmbeddedOptions {
  /** The folder of the database, the stored files and the Durable Objects. */
  readonly dataDir: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly apiKey: string;
  /**
   * Which addresses jobs may name, and webhooks be sent to; public https ones by default. The agents need the same
   * settings.
   */
  readonly sources?: SourcePolicy;
  readonly variables?: WorkerVariables;
  /** Overrides of src/dispatch/timing.ts. */
  readonly dispatchTiming?: Readonly<Record<string, number>>;
  /** Addresses or networks (CIDR) of reverse proxies whose X-Forwarded headers are trusted. */
  readonly trustedProxies?: readonly string[];
  /** Overrides of front-door/limits.ts. */
  readonly limits?: Partial<DoorLimits>;
  /** Aborted when the caller begins to stop. A terminal sends Ctrl-C to the runtime too. */
  readonly stopping?: AbortSignal;
  /** For tests and benchmarks only. */
  readonly testing?: Testing;
  /** What the Worker logs: `text` is a line of JSON, or plain. */
  readonly onLog: (level: string, text: string) => void;
}

export type { WorkerVariables };

export interface Testing {
  /** A wrapper module to bundle instead of the Worker. */
  readonly main: string;
  readonly bindings?: Readonly<Record<string, string>>;
  /** Services bound to the module; requests and replies are JSON. */
  readonly services?: Readonly<Record<string, (question: unknown) => unknown>>;
}

export interface EmbeddedControlPlane {
  readonly url: string;
  /** Runs the scheduled handler; the embedded runtime has no other trigger for it. */
  tick(): Promise<void>;
  stop(): Promise<void>;
}

const TICK_INTERVAL_MS = 60_000;
const WATCH_INTERVAL_MS = 1000;
const BUCKET_NAME = "splatt";
/**
 * Bounds the runtime's memory under load. Each request leaves some 50 KiB outside V8's heap that only a collection of
 * the old generation frees, and the Worker's heap is so small that V8 starts none within thousands of requests by
 * default. Miniflare takes V8's flags only from this variable.
 */
process.env.MINIFLARE_WORKERD_V8_FLAGS ??= "--optimize-for-size --initial-old-space-size=4";

/**
 * The control plane on this machine: the same Worker on workerd, with D1 and the Durable Objects on disk and a
 * file-based object store instead of R2. A front door owns the port; it opens when the database is ready.
 */
export async function startControlPlane(options: EmbeddedOptions): Promise<EmbeddedControlPlane> {
  const { dataDir, onLog } = options;
  await makeFolder(dataDir, 0o700);
  await chmod(dataDir, 0o700);
  // Everything started, to be stopped in reverse order.
  const started = new AsyncDisposableStack();
  try {
    const leave = await enterFolder(dataDir);
    started.defer(leave);
    const runtimeNote = join(dataDir, "runtime.json");
    await endStaleRuntime(runtimeNote);
    const disk = new DiskWatch(dataDir, (state) =>
      onLog(logLevelOf(state), state?.message ?? "The disk of the control plane works again."),
    );
    started.defer(() => disk.stop());
    await disk.start();
    const store = await openStore(dataDir, disk, onLog);
    started.defer(() => store.close());

    const transfers = new Transfers();
    const secret = newDoorSecret();
    const bundle = await bundleWorker(options.testing?.main);
    const worker = { path: bundle.script, contents: await readFile(bundle.script, "utf8") };
    const runtimeOptions = toRuntimeOptions(options, worker, secret, {
      OBJECT_STORE: storeService(store, transfers),
      OUTBOUND: outboundService(options.sources ?? { allowHttp: false, allowHosts: [] }),
      ASSETS: await assetsService(bundle.assets),
    });
    const signalHandlers = handlersBefore();
    const miniflare = new Miniflare(runtimeOptions);
    started.defer(async () => {
      await miniflare.dispose();
      await endStaleRuntime(runtimeNote);
    });
    signalHandlers.keepAlone();
    await miniflare.ready;
    await noteRuntime(runtimeNote);
    await migrate(await miniflare.getD1Database("DB"));

    const tick = async () => {
      const worker = await miniflare.getWorker();
      await worker.scheduled({ cron: "* * * * *" });
      await removeOrphans(store, onLog);
    };
    let wasMissing = false;
    /**
     * workerd may crash, or be killed when memory runs out. Miniflare then starts another one, here within half a
     * second. When the second check still finds none, the launcher starts one. While the caller stops, its agent still
     * hands back jobs.
     */
    const keepRunning = async () => {
      if (await isRuntimeRunning(runtimeNote)) return;
      if (!wasMissing && !options.stopping?.aborted) onLog("error", "the runtime ended and is started again");
      const isSecondLook = wasMissing;
      wasMissing = !(await noteRuntime(runtimeNote));
      if (!wasMissing || !isSecondLook) return;
      await miniflare.setOptions(runtimeOptions);
      await noteRuntime(runtimeNote);
    };
    const onTickError = (error: unknown) => onLog("error", `scheduled handler: ${String(error)}`);
    const ticking = repeat(TICK_INTERVAL_MS, tick, onTickError);
    started.defer(() => ticking.stop());
    const watching = repeat(WATCH_INTERVAL_MS, keepRunning, (error) =>
      onLog("error", `the runtime could not be started again: ${String(error)}`),
    );
    started.defer(() => watching.stop());

    const door = await FrontDoor.open({
      host: HOST,
      port: options.port,
      limits: { ...DOOR_LIMITS, ...options.limits },
      transfers,
      secret,
      runtimeUrl: () => miniflare.unsafeGetDirectURL(),
      storage: () => disk.state,
      recheckStorage: () => disk.recheck(),
      trustedProxies: options.trustedProxies ?? [],
      corsOrigins: options.variables?.CORS_ORIGINS,
      onError: (text) => onLog("error", text),
    });
    started.defer(() => door.close());
    // A process that was killed may have left webhooks to send, and jobs to assign.
    ticking.runNow();
    return { url: door.url.origin, tick, stop: () => started.disposeAsync() };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

type ServiceFetch = (request: Request) => Response | Promise<Response>;
type OnLog = EmbeddedOptions["onLog"];

/** workerd says at every start that it compiles its own scripts, which concerns nobody. */
const STALE_COMPILE_CACHE = "NOSENTRY per-isolate bootstrap compile cache";

/** A slow disk refuses nothing. */
function logLevelOf(disk: StorageState | null): string {
  if (disk === null) return "info";
  return disk.kind === "slow" ? "warn" : "error";
}

async function openStore(dataDir: string, disk: DiskWatch, onLog: OnLog): Promise<ObjectStore> {
  const storeDir = join(dataDir, "objects");
  const imported = await importMiniflareBucket(join(dataDir, "state", "r2"), BUCKET_NAME, storeDir);
  if (imported !== null) onLog("info", `imported ${imported} stored files from the old object store`);
  const store = await ObjectStore.open(storeDir, disk);
  await removeOrphans(store, onLog);
  return store;
}

async function removeOrphans(store: ObjectStore, onLog: OnLog): Promise<void> {
  try {
    const removed = await store.removeOrphans();
    if (removed > 0) onLog("info", `removed ${removed} files that belonged to no stored object`);
  } catch (error) {
    onLog("error", `files that belong to no stored object could not be removed: ${String(error)}`);
  }
}

function toRuntimeOptions(
  options: EmbeddedOptions,
  worker: { readonly path: string; readonly contents: string },
  secret: string,
  services: Readonly<Record<string, ServiceFetch>>,
) {
  return convertV4MiniflareOptions({
    ...runtimeOptions(worker),
    handleStructuredLogs: ({ level, message }) => {
      if (message.startsWith(STALE_COMPILE_CACHE)) return;
      // workerd appends addresses of its code to its log messages.
      options.onLog(level, message.split("\nstack:", 1)[0] ?? "");
    },
    resourcePersistencePath: join(options.dataDir, "state"),
    serviceBindings: {
      ...Object.fromEntries(
        Object.entries(options.testing?.services ?? {}).map(([name, answer]) => [
          name,
          async (request: Request) => Response.json(answer(await request.json())),
        ]),
      ),
      ...services,
    },
    bindings: {
      ...options.testing?.bindings,
      ...Object.fromEntries(
        Object.entries(options.variables ?? {}).filter(([, value]) => value !== undefined),
      ),
      GPU_API_KEY: options.apiKey,
      DOOR_SECRET: secret,
      ALLOW_HOSTS: options.sources?.allowHosts.join(",") ?? "",
      ALLOW_HTTP: String(options.sources?.allowHttp ?? false),
      DISPATCH_TIMING: JSON.stringify(options.dispatchTiming ?? {}),
    },
  });
}

/** Runs something periodically, without overlap. `stop` resolves after the last run. */
function repeat(ms: number, work: () => Promise<void>, onError: (error: unknown) => void) {
  let running: Promise<void> | null = null;
  const runNow = () => {
    running ??= work()
      .catch(onError)
      .finally(() => {
        running = null;
      });
  };
  const timer = setInterval(runNow, ms);
  return {
    runNow,
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

/**
 * Miniflare's signal handlers exit the process immediately. A process with other handlers shuts down in its own order
 * (first the agent, then the runtime), so this keeps only those.
 */
function handlersBefore(): { keepAlone(): void } {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));
  return {
    keepAlone() {
      for (const [signal, own] of before) {
        const added = process.listeners(signal).filter((handler) => !own.includes(handler));
        if (own.length > 0) for (const handler of added) process.off(signal, handler);
      }
    },
  };
}
