import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { buildAssets } from "./embedded/build-assets.ts";

// Wrangler's configuration names their folder.
await buildAssets();

/** The control plane's tests run in workerd, on real D1, R2 and Durable Objects. */
export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      main: `${import.meta.dirname}/src/testing/checked-worker.ts`,
      wrangler: { configPath: `${import.meta.dirname}/wrangler.jsonc` },
      miniflare: {
        bindings: {
          GPU_API_KEY: "test-key",
          DISPATCH_TIMING: JSON.stringify({ progressWriteMs: 1 }),
          TEST_MIGRATIONS: await readD1Migrations(`${import.meta.dirname}/migrations`),
        },
      },
    })),
  ],
  test: {
    name: "control-plane",
    include: ["src/**/*.test.ts"],
    // A runtime for each file costs more than its tests: the files share one, which the set-up empties before each.
    isolate: false,
    setupFiles: [`${import.meta.dirname}/src/testing/apply-migrations.ts`],
    testTimeout: 30_000,
    silent: "passed-only",
  },
});
