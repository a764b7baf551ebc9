import { describe, expect, it } from "vitest";
import { firstFailure } from "../testing/searches.ts";
import { MUTATIONS } from "./mutations.ts";

const TIMEOUT_MS = 1_200_000;

describe("the simulation finds a bug in the shipped code:", () => {
  it.each(MUTATIONS.map((mutation) => [mutation.is, mutation] as const))(
    "%s",
    { timeout: TIMEOUT_MS },
    async (_, mutation) => {
      expect(await firstFailure(mutation)).not.toBeNull();
    },
  );
});
