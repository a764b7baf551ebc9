import { expect, it } from "vitest";
import { hostileClients } from "./hostile-clients.ts";
import { WranglerDev } from "./wrangler-dev.ts";

it("no hostile client gets a 5xx from the Worker in wrangler dev", { timeout: 600_000 }, async () => {
  await using worker = await WranglerDev.start();
  expect(await hostileClients(worker, { seed: 1, requests: 300 })).toEqual([]);
});
