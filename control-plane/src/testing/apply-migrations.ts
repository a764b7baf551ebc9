import { applyD1Migrations, type D1Migration, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";

/**
 * Each test file begins with empty stores. The reset misses a database that was idle for so long that it was unloaded.
 */
await env.DB.prepare("SELECT 1").run();
await reset();
await applyD1Migrations(env.DB, (env as unknown as { TEST_MIGRATIONS: D1Migration[] }).TEST_MIGRATIONS);
