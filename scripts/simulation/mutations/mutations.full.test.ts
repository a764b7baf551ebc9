import { afterAll, describe, expect, it } from "vitest";
import { firstFailure } from "../testing/searches.ts";
import { MUTATIONS } from "./mutations.ts";

const TIMEOUT_MS = 1_200_000;

/** Mutations that an earlier seed found before the code changed: each costs a search, until its `found` is updated. */
const moved: string[] = [];
afterAll(() => {
  if (moved.length > 0) console.log(`Update \`found\` in mutations/:\n${moved.join("\n")}`);
});

describe("the simulation finds a bug in the shipped code:", () => {
  it.each(MUTATIONS.map((mutation) => [mutation.is, mutation] as const))(
    "%s",
    { timeout: TIMEOUT_MS },
    async (_, mutation) => {
      const failed = await firstFailure(mutation);
      expect(failed).not.toBeNull();
      if (failed?.seed !== mutation.found) moved.push(`  ${mutation.name}: ${failed?.seed}`);
    },
  );
});
