import type { StoreCall } from "@splatt/control-plane/testing/store-call";
import { PREVIEW_FILE } from "@splatt/shared";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, fileCount, startFaultyStoresHarness } from "./harness/fault-harness.ts";
import { gatedAgent } from "./harness/gated-agent.ts";
import { d1, r2, STORE_ERRORS, StoreFaults } from "./harness/store-faults.ts";

/** D1 and R2 fail under the Worker, are slow, or lose their replies. */

const LEASE_MS = 2000;
const UNCOUNTED = { attempt: 1, failures: 0, lost_leases: 0 };

let harness: FaultHarness;
const faults = new StoreFaults();
beforeAll(async () => {
  harness = await startFaultyStoresHarness(inject("prepared"), faults, { leaseMs: LEASE_MS });
});
afterEach((context) => {
  faults.repair();
  return harness.endTest(context);
});
afterAll(() => harness.stop());

/** Result files of this size are sent whole. A preview is put too. */
const isFilePut = (call: StoreCall) => r2("put")(call) && !call.what.endsWith(PREVIEW_FILE);

/** Only its upload is left. */
const briefJob = () => harness.tinyJob({ iterations: 40 });

describe("D1", () => {
  it("that commits but loses two of three replies costs only time", async () => {
    const box = await harness.newBox();
    let writes = 0;
    faults.add((call) => {
      // D1 retries reads automatically.
      if (!d1(call) || /^select/i.test(call.what)) return null;
      writes += 1;
      return writes % 3 === 0 ? null : { error: STORE_ERRORS.d1Lost, isMade: true };
    });
    box.start();
    const jobIds = await harness.insist(() => Promise.all([briefJob(), briefJob()]));
    for (const jobId of jobIds) {
      expect(await harness.insist(() => harness.completed(jobId))).toMatchObject(UNCOUNTED);
    }
  });

  it("that rejects two of three writes costs only time", async () => {
    const box = await harness.newBox();
    let writes = 0;
    faults.add((call) => {
      // D1 retries reads automatically.
      if (!d1(call) || /^select/i.test(call.what)) return null;
      writes += 1;
      return writes % 3 === 0 ? null : { error: STORE_ERRORS.d1Lost };
    });
    box.start();
    const jobIds = await harness.insist(() => Promise.all([briefJob(), briefJob()]));
    for (const jobId of jobIds) {
      expect(await harness.insist(() => harness.completed(jobId))).toMatchObject(UNCOUNTED);
    }
  });

  it("that is down for longer than a lease finds the job finished", async () => {
    const { gates, settings } = await gatedAgent(harness);
    const box = await harness.newBox();
    box.start(settings);
    const jobId = await harness.tinyJob();
    await gates.export.reached(1);
    const down = performance.now();
    faults.add((call) => (d1(call) ? { error: STORE_ERRORS.d1Overloaded } : null));
    await gates.export.open();
    await expect.poll(() => performance.now() - down, { timeout: 60_000 }).toBeGreaterThan(1.5 * LEASE_MS);
    faults.repair();
    expect(await harness.completed(jobId)).toMatchObject(UNCOUNTED);
  });

  it("may be slow", async () => {
    faults.add((call) => (d1(call) ? { delayMs: 300 } : null));
    const box = await harness.newBox();
    box.start();
    expect(await harness.completed(await briefJob())).toMatchObject(UNCOUNTED);
  });

  it("that is down when an agent connects does not reject it permanently", async () => {
    const box = await harness.newBox();
    const refused = faults.next(8, d1, { error: STORE_ERRORS.d1Overloaded });
    box.start();
    await refused;
    expect(await harness.completed(await briefJob())).toMatchObject(UNCOUNTED);
  });
});

describe("R2", () => {
  it("that loses its replies costs no attempt", async () => {
    const box = await harness.newBox();
    box.start();
    const lost = { error: STORE_ERRORS.r2Internal, isMade: true };
    for (const method of ["put", "head"]) void faults.next(1, r2(method), lost);
    expect(await harness.completed(await briefJob())).toMatchObject(UNCOUNTED);
  });

  it.each(["put", "head"])("that fails once at %s costs no attempt", async (method) => {
    const box = await harness.newBox();
    box.start();
    void faults.next(1, method === "put" ? isFilePut : r2(method), { error: STORE_ERRORS.r2Internal });
    const before = faults.count(isFilePut);
    const job = await harness.completed(await briefJob());
    expect(job).toMatchObject(UNCOUNTED);
    const again = method === "put" ? 1 : 0;
    expect(faults.count(isFilePut) - before).toBe(fileCount(job) + again);
  });

  it("may be down for a while", async () => {
    const box = await harness.newBox();
    box.start();
    const away = faults.next(4, isFilePut, { error: STORE_ERRORS.r2Internal });
    const jobId = await briefJob();
    await away;
    expect(await harness.completed(jobId)).toMatchObject(UNCOUNTED);
  });
});
