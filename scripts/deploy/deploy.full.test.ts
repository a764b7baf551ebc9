import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Deployment, type Surroundings } from "./deployment.ts";
import { namesOf } from "./names.ts";
import { CloudflareStandIn } from "./testing/cloudflare-stand-in.ts";
import { readSmallTemplate } from "./testing/small-worker/config.ts";
import { CONTROL_PLANE, Wrangler, WranglerError } from "./wrangler.ts";

const MIGRATIONS = readdirSync(join(CONTROL_PLANE, "migrations")).filter((name) =>
  name.endsWith(".sql"),
).length;

/** The real wrangler, with a stand-in for Cloudflare's API. */
describe("a deployment", () => {
  const names = namesOf(`test-${process.pid}`);
  let cloudflare: CloudflareStandIn;
  let wrangler: Wrangler;
  let said: string[] = [];

  beforeAll(async () => {
    cloudflare = await CloudflareStandIn.start();
    wrangler = new Wrangler(cloudflare.environment);
  });
  beforeEach(() => {
    said = [];
  });
  afterAll(async () => {
    await cloudflare.stop();
    await rm(join(CONTROL_PLANE, names.configFile), { force: true });
  });

  const deployment = (more: Partial<Surroundings> = {}) =>
    new Deployment(wrangler, names, {
      fetch: async () => Response.json({ version: cloudflare.servedVersion(names.worker) }),
      say: (line) => said.push(line),
      healthIntervalMs: 1,
      ...more,
    });
  const smallDeployment = () => deployment({ readTemplate: readSmallTemplate });

  it("makes everything, is continued where it was cut, and is updated and rolled back", async () => {
    expect(await deployment().describe()).toContain(`create the D1 database ${names.database}`);
    expect([cloudflare.databases.size, cloudflare.buckets.size]).toEqual([0, 0]);

    cloudflare.failing = /^PUT \/workers\/scripts\//;
    await expect(smallDeployment().run()).rejects.toThrow(WranglerError);
    expect(said.join()).not.toContain("X-API-Key");
    cloudflare.failing = null;

    said = [];
    expect(await deployment().run()).toMatchObject({ isDone: true });
    expect(said.join("\n")).toMatch(/X-API-Key: [\w-]{43}\n/);
    expect(said.join("\n")).not.toContain("create the D1");
    const first = cloudflare.servedVersion(names.worker);
    const database = cloudflare.databases.get(names.database)?.db;
    expect(database?.prepare("SELECT count(*) AS n FROM d1_migrations").get()).toEqual({ n: MIGRATIONS });
    expect(database?.prepare("SELECT jobs FROM job_counts WHERE status = 'queued'").get()).toEqual({
      jobs: 0,
    });

    said = [];
    expect(await smallDeployment().run()).toMatchObject({ isDone: true });
    expect(said.join()).not.toContain("X-API-Key");
    expect(cloudflare.servedVersion(names.worker)).not.toBe(first);
    expect([cloudflare.databases.size, cloudflare.buckets.size, cloudflare.scripts.size]).toEqual([1, 1, 1]);

    await wrangler.rollback(names, "a test");
    expect(cloudflare.servedVersion(names.worker)).toBe(first);
  }, 240_000);

  it("says so when nobody is signed in", async () => {
    const nobody = new Wrangler({ ...cloudflare.environment, CLOUDFLARE_API_TOKEN: "" });
    await expect(nobody.account()).rejects.toThrow(WranglerError);
  }, 60_000);
});

describe("a deployment that is cut", () => {
  const environment = `cut-${process.pid}`;
  const names = namesOf(environment);
  const files = [names.configFile, names.keyFile].map((name) => join(CONTROL_PLANE, name));
  let cloudflare: CloudflareStandIn;

  beforeAll(async () => {
    cloudflare = await CloudflareStandIn.start();
  });
  afterAll(async () => {
    await cloudflare.stop();
    for (const file of files) await rm(file, { force: true });
  });

  /** @param started is called with the process, so that the stand-in can kill it */
  async function deploy(started: (kill: () => void) => void = () => undefined) {
    const program = join(import.meta.dirname, "testing", "deploy-to-stand-in.ts");
    const args = [program, "--env", environment, "--health", cloudflare.healthUrl(names.worker)];
    // wrangler is in the same process group, which ends as a whole, as with a closed terminal.
    const child = execa(process.execPath, args, {
      env: cloudflare.environment,
      detached: true,
      reject: false,
      all: true,
    });
    started(() => child.pid !== undefined && process.kill(-child.pid, "SIGKILL"));
    const { exitCode, signal, all } = await child;
    return { exitCode, signal, output: all };
  }

  /** What changes something, named alike in every run; null for a question. */
  function changeIn(what: string, body: Buffer): string | null {
    if (!what.endsWith("/query")) return what;
    const isQuestion = /^\{"sql":"\s*(select|pragma)/i.test(body.toString());
    return isQuestion ? null : `${what} ${createHash("sha256").update(body).digest("hex").slice(0, 8)}`;
  }

  it("at any kind of change, is completed by the next run, and its key is shown", async () => {
    const cut: string[] = [];
    const statements = new Set<string>();
    /** Of the statements only some: the table of migrations, the first of them and the last. */
    const isWorthCutting = (change: string) => {
      if (cut.includes(change)) return false;
      if (!change.includes("/query ")) return true;
      statements.add(change);
      return [1, 2, 1 + MIGRATIONS].includes(statements.size);
    };
    const keys: string[] = [];
    for (;;) {
      let isCut = false;
      const { exitCode, signal, output } = await deploy((kill) => {
        // The change happens; nobody learns of it.
        cloudflare.onChange = (what, body) => {
          const change = changeIn(what, body);
          if (isCut || change === null || !isWorthCutting(change)) return isCut;
          cut.push(change);
          isCut = true;
          kill();
          return true;
        };
      });
      keys.push(...[...output.matchAll(/X-API-Key: (\S+)/g)].map(([, key = ""]) => key));
      if (!isCut) {
        expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
        break;
      }
      expect(signal, output).toBe("SIGKILL");
    }
    expect(statements.size).toBe(1 + MIGRATIONS);
    expect(cut.filter((change) => change.includes("/query "))).toHaveLength(3);
    expect(cut).toEqual(
      expect.arrayContaining([
        "POST /d1/database",
        "POST /r2/buckets",
        `PUT /workers/scripts/${names.worker}`,
      ]),
    );
    expect([cloudflare.databases.size, cloudflare.buckets.size, cloudflare.scripts.size]).toEqual([1, 1, 1]);
    const database = cloudflare.databases.get(names.database)?.db;
    expect(database?.prepare("SELECT name FROM d1_migrations").all()).toHaveLength(MIGRATIONS);
    expect(new Set(keys)).toEqual(
      new Set([cloudflare.scripts.get(names.worker)?.secrets.get("GPU_API_KEY")]),
    );
    expect(existsSync(join(CONTROL_PLANE, names.keyFile))).toBe(false);

    // Nothing is made twice, and no other key.
    cloudflare.onChange = null;
    const { exitCode, output } = await deploy();
    expect({ exitCode, output }).toMatchObject({
      exitCode: 0,
      output: expect.not.stringContaining("X-API-Key"),
    });
  }, 600_000);

  it("keeps settings in a file that a person has broken, and says so", async () => {
    const path = join(CONTROL_PLANE, names.configFile);
    const whole = await readFile(path, "utf8");
    await writeFile(path, whole.slice(0, 200));
    const { exitCode, output } = await deploy();
    expect({ exitCode, output }).toMatchObject({
      exitCode: 1,
      output: expect.stringContaining("is not valid JSON"),
    });
    expect(await readFile(path, "utf8")).toBe(whole.slice(0, 200));
  }, 60_000);
});
