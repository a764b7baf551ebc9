import type { Env as WorkerEnv } from "../env.ts";

declare global {
  interface ImportMeta {
    /** Vite's: the text of the files that match, by path. */
    glob(pattern: string, options: { query: "?raw"; import: "default"; eager: true }): Record<string, string>;
  }
  namespace Cloudflare {
    interface Env extends WorkerEnv {}
    interface GlobalProps {
      mainModule: typeof import("../index.ts");
    }
  }
}
