import { dirname } from "node:path";
import { Log, LogLevel } from "miniflare";

export const HOST = "127.0.0.1";
/** Same as in wrangler.jsonc; a test compares the two. */
export const COMPATIBILITY_DATE = "2026-11-02";

/** What every Worker of ours is started with on Miniflare, whose constructor still changes between releases. */
export function runtimeOptions(worker: { readonly path: string; readonly contents: string }) {
  return {
    name: "splatt",
    modulesRoot: dirname(worker.path),
    // With its contents: the runtime is started again after a crash, and newer sources replace the cached file.
    modules: [{ type: "ESModule" as const, ...worker }],
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: ["nodejs_als"],
    host: HOST,
    port: 0,
    // Bypasses Miniflare's entry Worker, which exposes additional endpoints and headers.
    unsafeDirectSockets: [{ host: HOST, port: 0 }],
    cf: false as const,
    log: new Log(LogLevel.ERROR),
    d1Databases: { DB: "splatt" },
    durableObjects: {
      DISPATCHER: { className: "Dispatcher", useSQLite: true },
      WEBHOOK_SENDER: { className: "WebhookSender", useSQLite: true },
    },
  };
}
