import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";
import { z } from "zod";
import type { DeployedState } from "./deploy-plan.ts";
import type { Names } from "./names.ts";

export const CONTROL_PLANE = join(ROOT, "control-plane");
const CLI = join(
  dirname(createRequire(join(CONTROL_PLANE, "package.json")).resolve("wrangler/package.json")),
  "bin",
  "wrangler.js",
);

/** A command of wrangler that failed; the message is what wrangler printed. */
export class WranglerError extends Error {
  override readonly name = "WranglerError";
}

/** Wrangler, as a person would call it, without questions. */
export class Wrangler {
  readonly #environment: Readonly<Record<string, string | undefined>>;

  /** @param environment credentials and, for tests, CLOUDFLARE_API_BASE_URL */
  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment;
  }

  /** Who is signed in. @throws WranglerError when nobody is */
  async account(): Promise<string> {
    const output = await this.#run(["whoami"]);
    if (/not authenticated/i.test(output)) throw new WranglerError(output.trim());
    return output;
  }

  async state({ worker, database, bucket }: Names): Promise<Omit<DeployedState, "hasUnshownKey">> {
    const databases = Databases.parse(JSON.parse(await this.#run(["d1", "list", "--json"])));
    const buckets = await this.#run(["r2", "bucket", "list"]);
    return {
      databaseId: databases.find(({ name }) => name === database)?.uuid ?? null,
      hasBucket: buckets.split("\n").some((line) => nameIn(line) === bucket),
      secrets: await this.#secrets(worker),
    };
  }

  async createDatabase(name: string): Promise<string> {
    await this.#run(["d1", "create", name]);
    const databases = Databases.parse(JSON.parse(await this.#run(["d1", "list", "--json"])));
    const created = databases.find((database) => database.name === name);
    if (created === undefined)
      throw new WranglerError(`${name} was created, but is not in the list of databases.`);
    return created.uuid;
  }

  async createBucket(name: string): Promise<void> {
    await this.#run(["r2", "bucket", "create", name]);
  }

  async migrate({ configFile, database }: Names): Promise<void> {
    await this.#run(["d1", "migrations", "apply", database, "--remote", "-c", configFile]);
    // Asked again, rather than believed.
    const left = await this.#run(["d1", "migrations", "list", database, "--remote", "-c", configFile]);
    if (!left.includes("No migrations to apply")) {
      throw new WranglerError(`Migrations of ${database} are still missing:\n${left.trim()}`);
    }
  }

  /**
   * @param version answered by /health once this deployment serves
   * @param secretsFile JSON with secrets that are added to those of the Worker; null for none
   * @returns the addresses that the Worker answers at
   */
  async deploy({ configFile }: Names, version: string, secretsFile: string | null): Promise<string[]> {
    const dir = await mkdtemp(join(tmpdir(), "splatt-deploy-"));
    try {
      const outputFile = join(dir, "output.ndjson");
      const args = ["deploy", "-c", configFile, "--tag", version, "--var", `VERSION:${version}`];
      if (secretsFile !== null) args.push("--secrets-file", secretsFile);
      await this.#run(args, { WRANGLER_OUTPUT_FILE_PATH: outputFile });
      const entries = (await readFile(outputFile, "utf8")).trim().split("\n");
      return entries.flatMap((entry) => DeployEntry.safeParse(JSON.parse(entry)).data?.targets ?? []);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }

  async rollback({ worker }: Names, message: string): Promise<string> {
    return this.#run(["rollback", "--name", worker, "--yes", "--message", message]);
  }

  /** @returns null when there is no such Worker */
  async #secrets(worker: string): Promise<string[] | null> {
    try {
      const output = await this.#run(["secret", "list", "--name", worker, "--format", "json"]);
      return z
        .array(z.object({ name: z.string() }))
        .parse(JSON.parse(output))
        .map(({ name }) => name);
    } catch (error) {
      if (error instanceof WranglerError && /not found/i.test(error.message)) return null;
      throw error;
    }
  }

  async #run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
    const { exitCode, stdout, all } = await execa(process.execPath, [CLI, ...args], {
      cwd: CONTROL_PLANE,
      reject: false,
      all: true,
      stdin: "ignore",
      env: {
        ...this.#environment,
        ...environment,
        // Its build command runs the Node that is first on the PATH.
        PATH: [dirname(process.execPath), process.env.PATH ?? ""].join(delimiter),
        CI: "1",
        NO_COLOR: "1",
        WRANGLER_SEND_METRICS: "false",
        WRANGLER_SEND_ERROR_REPORTS: "false",
        WRANGLER_HIDE_BANNER: "true",
      },
    });
    if (exitCode !== 0)
      throw new WranglerError(`wrangler ${args.slice(0, 3).join(" ")} failed:\n${all.trim()}`);
    return stdout;
  }
}

const Databases = z.array(z.looseObject({ uuid: z.string(), name: z.string() }));
const DeployEntry = z.looseObject({ type: z.literal("deploy"), targets: z.array(z.string()).nullish() });

/** The name in a line of `wrangler r2 bucket list`, such as `name:  splatt`. */
function nameIn(line: string): string | null {
  return /^\s*name:\s+(\S+)\s*$/.exec(line)?.[1] ?? null;
}
