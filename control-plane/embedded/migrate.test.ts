import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { migrate } from "./migrate.ts";

let folder: string;
let sqlite: DatabaseSync;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "splatt-migrate-"));
  await writeFile(join(folder, "0000_a.sql"), "CREATE TABLE a (x)");
  await writeFile(join(folder, "0001_b.sql"), "CREATE TABLE b (x)");
  sqlite = new DatabaseSync(":memory:");
});
afterEach(async () => {
  sqlite.close();
  await rm(folder, { recursive: true, force: true });
});

interface Fault {
  /** Counted from 1 over all requests to the database. */
  readonly request: number;
  readonly isApplied: boolean;
}

/** A database whose connection is lost at some requests, before or after they are done. */
function databaseWith(faults: readonly Fault[]): Parameters<typeof migrate>[0] {
  let requests = 0;
  async function request<Reply>(work: () => Reply): Promise<Reply> {
    requests += 1;
    const fault = faults.find((one) => one.request === requests);
    if (fault === undefined) return work();
    if (fault.isApplied) work();
    throw new TypeError("fetch failed", { cause: new Error("other side closed") });
  }
  const prepare = (sql: string) => {
    let values: SQLInputValue[] = [];
    const run = () => sqlite.prepare(sql).all(...values);
    const statement = {
      bind(...given: SQLInputValue[]) {
        values = given;
        return statement;
      },
      runNow: run,
      run: () => request(run),
      all: () => request(() => ({ results: run() })),
    };
    return statement;
  };
  const batch = (statements: readonly ReturnType<typeof prepare>[]) =>
    request(() => {
      for (const statement of statements) statement.runNow();
    });
  return { prepare, batch } as unknown as Parameters<typeof migrate>[0];
}

const tables = () =>
  sqlite.prepare("SELECT name FROM sqlite_schema WHERE name IN ('a', 'b') ORDER BY 1").all();

it.each([1, 2, 3, 4].flatMap((request) => [true, false].map((isApplied) => ({ request, isApplied }))))(
  "applies each migration once when the connection is lost at $request, applied: $isApplied",
  async (fault) => {
    await migrate(databaseWith([fault]), folder);
    expect(tables()).toEqual([{ name: "a" }, { name: "b" }]);
    expect(sqlite.prepare("SELECT count(*) AS n FROM d1_migrations").get()).toEqual({ n: 2 });
  },
);

it("gives up when the connection is always lost, and at once when a statement is wrong", async () => {
  const always = Array.from({ length: 99 }, (_, index) => ({ request: index + 1, isApplied: false }));
  await expect(migrate(databaseWith(always), folder)).rejects.toThrow("fetch failed");
  await writeFile(join(folder, "0002_c.sql"), "CREATE TABLE b (x)");
  await expect(migrate(databaseWith([]), folder)).rejects.toThrow(/already exists/);
});
