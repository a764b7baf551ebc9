import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Deployment } from "./deployment.ts";
import { namesOf } from "./names.ts";
import { CloudflareStandIn } from "./testing/cloudflare-stand-in.ts";
import { CONTROL_PLANE, Wrangler, WranglerError } from "./wrangler.ts";

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

  const deployment = () =>
    new Deployment(wrangler, names, {
      fetch: async () => Response.json({ version: cloudflare.servedVersion(names.worker) }),
      say: (line) => said.push(line),
      healthIntervalMs: 1,
    });

  it("makes everything, is continued where it was cut, and is updated and rolled back", async () => {
    expect(await deployment().describe()).toContain(`create the D1 database ${names.database}`);
    expect([cloudflare.databases.size, cloudflare.buckets.size]).toEqual([0, 0]);

    cloudflare.failing = /^PUT \/workers\/scripts\//;
    await expect(deployment().run()).rejects.toThrow(WranglerError);
    expect(said.join()).not.toContain("X-API-Key");
    cloudflare.failing = null;

    said = [];
    expect(await deployment().run()).toMatchObject({ isDone: true });
    expect(said.join("\n")).toMatch(/X-API-Key: [\w-]{43}\n/);
    expect(said.join("\n")).not.toContain("create the D1");
    const first = cloudflare.servedVersion(names.worker);
    const database = cloudflare.databases.get(names.database)?.db;
    expect(database?.prepare("SELECT count(*) AS n FROM d1_migrations").get()).toEqual({ n: 6 });
    expect(database?.prepare("SELECT jobs FROM job_counts WHERE status = 'queued'").get()).toEqual({
      jobs: 0,
    });

    said = [];
    expect(await deployment().run()).toMatchObject({ isDone: true });
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
