import { startLocalStack } from "@splatt/e2e/local-stack";
import { expect, it } from "vitest";
import { hostileClients } from "./hostile-clients.ts";

it("no hostile client gets a 5xx", { timeout: 600_000 }, async () => {
  const stack = await startLocalStack();
  try {
    expect(await hostileClients(stack, { seed: 1, requests: 300 })).toEqual([]);
  } finally {
    await stack.stop();
  }
});
