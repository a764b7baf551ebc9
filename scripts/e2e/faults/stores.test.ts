import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type FaultHarness, startFaultyStoresHarness } from "./harness/fault-harness.ts";
import { d1, r2, STORE_ERRORS, StoreFaults } from "./harness/store-faults.ts";

/** D1 and R2 carry out calls but lose their replies. */

const UNCOUNTED = { attempt: 1, failures: 0, lost_leases: 0 };

let harness: FaultHarness;
const faults = new StoreFaults();
beforeAll(async () => {
  harness = await startFaultyStoresHarness(inject("prepared"), faults, { leaseMs: 2000 });
});
afterEach((context) => {
  faults.repair();
  return harness.endTest(context);
});
afterAll(() => harness.stop());

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
});

describe("R2", () => {
  it("that loses its replies costs no attempt", async () => {
    const box = await harness.newBox();
    box.start();
    const lost = { error: STORE_ERRORS.r2Internal, isMade: true };
    for (const method of ["put", "head"]) void faults.next(1, r2(method), lost);
    expect(await harness.completed(await briefJob())).toMatchObject(UNCOUNTED);
  });
});
