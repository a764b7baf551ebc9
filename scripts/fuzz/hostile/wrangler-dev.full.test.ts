import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostileClients } from "./hostile-clients.ts";
import { WranglerDev } from "./wrangler-dev.ts";

describe("the Worker in wrangler dev", { timeout: 600_000 }, () => {
  let worker: WranglerDev;
  beforeAll(async () => {
    worker = await WranglerDev.start();
  }, 600_000);
  afterAll(() => worker[Symbol.asyncDispose]());

  it("answers no hostile client with a 5xx", async () => {
    expect(await hostileClients(worker, { seed: 1, requests: 300 })).toEqual([]);
  });

  it("lets browsers keep the scripts whose names change with them", async () => {
    const get = (path: string) => fetch(new URL(path, worker.url));
    const script = await (await get("/assets/job.js")).text();
    const chunk = /["'`]\.\/(chunks\/[\w-]+\.js)["'`]/.exec(script)?.[1];
    const response = await get(`/assets/${chunk}`);
    expect([response.status, response.headers.get("cache-control")]).toEqual([
      200,
      "public, max-age=31536000, immutable",
    ]);
  });
});
