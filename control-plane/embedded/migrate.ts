import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Miniflare } from "miniflare";

type D1 = Awaited<ReturnType<Miniflare["getD1Database"]>>;

const MIGRATIONS_DIR = join(dirname(import.meta.dirname), "migrations");

/** drizzle-kit's separator of statements; a semicolon would also split trigger bodies. */
const BREAKPOINT = "--> statement-breakpoint";

const MAX_ATTEMPTS = 5;

/**
 * Applies the missing migrations of a folder, each atomically, and records them in the same table as wrangler.
 *
 * On a machine so busy that it answers late, the runtime closes idle connections while they are used. Whether a
 * migration was applied is then unknown, so each attempt looks again.
 */
export async function migrate(db: D1, folder = MIGRATIONS_DIR): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await applyMissing(db, folder);
    } catch (error) {
      if (attempt === MAX_ATTEMPTS || !isLostConnection(error)) throw error;
    }
  }
}

/** What `fetch` throws without an answer; the errors of a statement are others. */
function isLostConnection(error: unknown): boolean {
  return error instanceof TypeError && error.message === "fetch failed";
}

async function applyMissing(db: D1, folder: string): Promise<void> {
  await db
    .prepare(
      `CREATE TABLE IF NOT EXISTS d1_migrations (
         id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
         applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    )
    .run();
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const applied = new Set(results.map(({ name }) => name));
  const files = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
  for (const name of files.filter((file) => !applied.has(file))) {
    const statements = (await readFile(join(folder, name), "utf8")).split(BREAKPOINT);
    await db.batch([
      ...statements.map((statement) => db.prepare(statement)),
      db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
  }
}
