import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { SourcePolicy } from "@splatt/shared";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type Request, Response } from "miniflare";
import { bundleWorker } from "./bundle.ts";
import { migrate } from "./migrate.ts";
import { endStaleRuntime, isRuntimeRunning, noteRuntime } from "./runtime-process.ts";

export interface EmbeddedOptions {
  /** Where D1, R2 and the Durable Objects are kept. */
  readonly dataDir: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly apiKey: string;
  /** Which addresses jobs may name; public https ones by default. The agents need the same settings. */
  readonly sources?: SourcePolicy;
  /** Overrides of src/dispatch/timing.ts. */
  readonly dispatchTiming?: Readonly<Record<string, number>>;
  /** For tests and benchmarks only. */
  readonly testing?: Testing;
  /** What the Worker logs: `text` is a line of JSON, or plain. */
  readonly onLog: (level: string, text: string) => void;
}

export interface Testing {
  /** A module around the Worker that is bundled instead of it. */
  readonly main: string;
  readonly bindings?: Readonly<Record<string, string>>;
  /** Services that the module is bound to: it sends JSON and is answered with JSON. */
  readonly services?: Readonly<Record<string, (question: unknown) => unknown>>;
}

export interface EmbeddedControlPlane {
  readonly url: string;
  /** Runs the scheduled handler, which nothing else does in the embedded runtime. */
  tick(): Promise<void>;
  stop(): Promise<void>;
}

const TICK_INTERVAL_MS = 60_000;
const WATCH_INTERVAL_MS = 1000;
const HOST = "127.0.0.1";
/** As in wrangler.jsonc; a test holds the two together. */
export const COMPATIBILITY_DATE = "2026-11-02";

/**
 * The control plane on this machine: the same Worker bundle on workerd, with D1, R2 and the Durable Object on
 * disk, reachable from this machine only and without any network of its own.
 *
 * This is the only module that knows Miniflare, whose constructor still changes between releases.
 */
export async function startControlPlane(options: EmbeddedOptions): Promise<EmbeddedControlPlane> {
  await mkdir(options.dataDir, { recursive: true });
  const runtimeNote = join(options.dataDir, "runtime.json");
  await endStaleRuntime(runtimeNote);
  const scriptPath = await bundleWorker(join(options.dataDir, "worker"), options.testing?.main);
  const signalHandlers = handlersBefore();
  const miniflare = new Miniflare(runtimeOptions(options, scriptPath, options.port));
  signalHandlers.keepAlone();
  try {
    const url = await miniflare.ready;
    await noteRuntime(runtimeNote);
    await migrate(await miniflare.getD1Database("DB"));
    const tick = async () => {
      const worker = await miniflare.getWorker();
      await worker.scheduled({ cron: "* * * * *" });
    };
    let wasMissing = false;
    /**
     * workerd may end by itself, or by the kernel when memory runs out. Miniflare starts another one, within half a second
     * here; where there is none at the second look, it is made to.
     */
    const keepRunning = async () => {
      if (await isRuntimeRunning(runtimeNote)) return;
      if (!wasMissing) options.onLog("error", "the runtime ended and is started again");
      const isSecondLook = wasMissing;
      wasMissing = !(await noteRuntime(runtimeNote));
      if (!wasMissing || !isSecondLook) return;
      await miniflare.setOptions(runtimeOptions(options, scriptPath, Number(url.port)));
      await noteRuntime(runtimeNote);
    };
    const ticking = repeat(TICK_INTERVAL_MS, tick, (error) =>
      options.onLog("error", `scheduled handler: ${String(error)}`),
    );
    const watching = repeat(WATCH_INTERVAL_MS, keepRunning, (error) =>
      options.onLog("error", `the runtime could not be started again: ${String(error)}`),
    );
    return {
      url: url.origin,
      tick,
      async stop() {
        await Promise.all([ticking.stop(), watching.stop()]);
        await miniflare.dispose();
        await endStaleRuntime(runtimeNote);
      },
    };
  } catch (error) {
    await miniflare.dispose();
    throw error;
  }
}

function runtimeOptions(options: EmbeddedOptions, scriptPath: string, port: number) {
  return convertV4MiniflareOptions({
    name: "splatt",
    modulesRoot: dirname(scriptPath),
    modules: [{ type: "ESModule", path: scriptPath }],
    compatibilityDate: COMPATIBILITY_DATE,
    host: HOST,
    port,
    cf: false,
    log: new Log(LogLevel.ERROR),
    handleStructuredLogs: ({ level, message }) => options.onLog(level, message),
    resourcePersistencePath: join(options.dataDir, "state"),
    d1Databases: { DB: "splatt" },
    r2Buckets: { BUCKET: "splatt" },
    durableObjects: { DISPATCHER: { className: "Dispatcher", useSQLite: true } },
    serviceBindings: Object.fromEntries(
      Object.entries(options.testing?.services ?? {}).map(([name, answer]) => [
        name,
        async (request: Request) => Response.json(answer(await request.json())),
      ]),
    ),
    bindings: {
      ...options.testing?.bindings,
      GPU_API_KEY: options.apiKey,
      ALLOW_HOSTS: options.sources?.allowHosts.join(",") ?? "",
      ALLOW_HTTP: String(options.sources?.allowHttp ?? false),
      DISPATCH_TIMING: JSON.stringify(options.dispatchTiming ?? {}),
    },
  });
}

/** Does something again and again, never twice at once. `stop` resolves when it is done for good. */
function repeat(ms: number, work: () => Promise<void>, onError: (error: unknown) => void) {
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    running ??= work()
      .catch(onError)
      .finally(() => {
        running = null;
      });
  }, ms);
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}

/**
 * Miniflare ends the process on a signal, at once. A process that has handlers of its own wants to end in its own
 * order (the agent first, then the runtime), so there only those handlers stay.
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
