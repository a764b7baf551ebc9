import { env } from "cloudflare:workers";

export interface MeteredQuery {
  readonly sql: string;
  readonly params: readonly unknown[];
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

/** R2's billed operations; deletes and aborts are free. */
const CLASS_A = new Set(["put", "list", "createMultipartUpload", "uploadPart", "complete"]);
const CLASS_B = new Set(["get", "head"]);

/** Counts the operations of the Worker and its Durable Objects on D1 and R2, as they are billed. */
export class StoreMeter {
  readonly queries: MeteredQuery[] = [];
  d1Calls = 0;
  classA = 0;
  classB = 0;
  readonly #stores = { DB: env.DB, BUCKET: env.BUCKET };

  /** From now on the Worker of this test file, and every Durable Object that is made, goes through the meter. */
  static attach(): StoreMeter {
    const meter = new StoreMeter();
    Object.assign(env, { DB: meter.#d1(env.DB), BUCKET: meter.#r2(env.BUCKET) });
    return meter;
  }

  reset(): void {
    this.queries.length = 0;
    this.d1Calls = 0;
    this.classA = 0;
    this.classB = 0;
  }

  detach(): void {
    Object.assign(env, this.#stores);
  }

  get rowsRead(): number {
    return this.queries.reduce((sum, { rowsRead }) => sum + rowsRead, 0);
  }

  get rowsWritten(): number {
    return this.queries.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
  }

  #d1(db: D1Database): D1Database {
    const reals = new WeakMap<object, Statement>();
    const run = async (statements: readonly Statement[]): Promise<D1Result[]> => {
      this.d1Calls += 1;
      const results = await db.batch(statements.map(({ real }) => real));
      results.forEach(({ meta }, i) => {
        const { sql = "", params = [] } = statements[i] ?? {};
        this.queries.push({ sql, params, rowsRead: meta.rows_read, rowsWritten: meta.rows_written });
      });
      return results;
    };
    const one = async (statement: Statement): Promise<D1Result> => {
      const [result] = await run([statement]);
      if (result === undefined) throw new Error("D1 answered nothing");
      return result;
    };
    const wrap = (statement: Statement): object => {
      const wrapped = {
        bind: (...params: unknown[]) => wrap({ ...statement, params, real: statement.real.bind(...params) }),
        run: () => one(statement),
        all: () => one(statement),
        // Only a batch tells what a query costs, but it keeps one column of each name; a join has several.
        raw: async () => {
          const { results } = await one(statement);
          if (statement.sql.startsWith("select")) return statement.real.raw();
          return results.map((row) => Object.values(row as object));
        },
      };
      reals.set(wrapped, statement);
      return wrapped;
    };
    const metered = {
      prepare: (sql: string) => wrap({ sql, params: [], real: db.prepare(sql) }),
      batch: (statements: readonly object[]) => run(statements.flatMap((each) => reals.get(each) ?? [])),
    };
    return metered as unknown as D1Database;
  }

  #r2<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, member) => {
        const value: unknown = Reflect.get(object, member, object);
        if (typeof value !== "function" || typeof member !== "string") return value;
        return (...args: unknown[]) => {
          if (CLASS_A.has(member)) this.classA += 1;
          if (CLASS_B.has(member)) this.classB += 1;
          const answer: unknown = Reflect.apply(value, object, args);
          return member === "resumeMultipartUpload" ? this.#r2(answer as object) : answer;
        };
      },
    });
  }
}

interface Statement {
  readonly sql: string;
  readonly params: readonly unknown[];
  readonly real: D1PreparedStatement;
}
