import { createInterface } from "node:readline";
import {
  type Delivered,
  deliverTo,
  FORGERIES,
  PATIENT,
  receiverProgram,
  send,
} from "@splatt/control-plane/embedded/webhook-receivers/testing";
import { pythonTools } from "@splatt/e2e/python-tools";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

/** The receiver of docs/webhooks.md in Python. */

const python = await pythonTools();

describe.skipIf(python === null)("the receiver in Python", () => {
  const stopped = new AbortController();
  const printed: string[] = [];
  let delivered: Delivered;
  beforeAll(async () => {
    const program = await receiverProgram("in Python");
    delivered = await deliverTo(async (secret) => {
      const env = { WEBHOOK_SECRET: secret, PORT: "0" };
      const running = execa(python ?? "", ["-c", program], {
        env,
        stderr: "inherit",
        reject: false,
        cancelSignal: stopped.signal,
      });
      createInterface(running.stdout).on("line", (line) => printed.push(line));
      await vi.waitFor(() => expect(printed).toHaveLength(1), PATIENT);
      return `http://127.0.0.1:${printed[0]?.replace("listening on port ", "")}/hook`;
    });
  });
  afterAll(() => stopped.abort());

  it("takes what a control plane delivers, and each event once", async () => {
    expect(await send(delivered, "nothing")).toBe(204);
    expect(await send(delivered, "nothing")).toBe(204);
    const events = [`job.cancelled ${delivered.jobId}`, expect.stringMatching(/^job\.completed /)];
    await expect.poll(() => printed.slice(1)).toEqual(events);
  });

  it.each(FORGERIES)("refuses %s", async (forgery) => {
    expect(await send(delivered, forgery)).toBe(401);
  });
});
