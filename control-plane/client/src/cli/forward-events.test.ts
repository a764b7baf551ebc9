import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { JobEvent, JobStatus, JobView, JobWebhookEvent } from "@splatt/shared";
import { describe, expect, it } from "vitest";
import { verifyWebhook } from "../index.ts";
import { eventOf, eventTypesOf, forward } from "./forward-events.ts";

/** `1:queued` is an entry of the first attempt. */
function history(...entries: readonly string[]): JobEvent[] {
  return entries.map((entry, index) => {
    const [attempt, status] = entry.split(":");
    return {
      number: index + 1,
      at: `2026-11-28T10:00:0${index}+00:00`,
      status: status as JobStatus,
      attempt: Number(attempt),
      agent_id: null,
      message: "",
      error_code: status === "failed" ? "video_corrupt" : null,
    };
  });
}

describe("a webhook receiver hears of the last entry of a history as", () => {
  it.each<[string, string[], string[]]>([
    ["nothing: the job was created", ["0:queued"], []],
    ["nothing: an agent got it", ["0:queued", "1:queued"], []],
    ["a start and a stage", ["0:queued", "1:queued", "1:downloading_video"], ["job.started", "job.stage"]],
    ["a stage", ["0:queued", "1:queued", "1:downloading_video", "1:training"], ["job.stage"]],
    ["nothing: it waits again", ["0:queued", "1:training", "1:queued"], []],
    [
      "a start of the next attempt",
      ["0:queued", "1:training", "1:queued", "2:queued", "2:training"],
      ["job.started", "job.stage"],
    ],
    [
      "a stage, when its agent came back",
      ["0:queued", "1:training", "1:queued", "1:training"],
      ["job.stage"],
    ],
    ["its end", ["0:queued", "1:training", "1:completed"], ["job.completed"]],
    ["its end, also when it never began", ["0:queued", "0:cancelled"], ["job.cancelled"]],
  ])("%s", (_, entries, types) => {
    const all = history(...entries);
    const last = all.at(-1);
    if (last === undefined) throw new Error("empty");
    expect(eventTypesOf(last, all.slice(0, -1))).toEqual(types);
  });
});

describe("forward", () => {
  const job = {
    job_id: "0b8cbd7e-3b0d-4a34-8c69-d3b1a4f9a111",
    task_id: "t",
    labels: { a: "b" },
    progress: 40,
    error: "It is noise.",
  } as unknown as JobView;
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

  it("sends what a webhook's receiver verifies", async () => {
    const received = Promise.withResolvers<{ headers: Record<string, string>; body: string }>();
    const server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += String(chunk);
      response.writeHead(202).end();
      received.resolve({ headers: request.headers as Record<string, string>, body });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const receiver = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
    const [entry] = history("1:failed");
    if (entry === undefined) throw new Error("empty");
    const event = eventOf("job.failed", entry, job, "https://splatt.example");
    expect(await forward(event, receiver, secret, new AbortController().signal)).toBe(202);
    const { headers, body } = await received.promise;
    const verified = (await verifyWebhook(headers, body, secret)) as JobWebhookEvent;
    expect(verified).toMatchObject({
      type: "job.failed",
      data: { job_id: job.job_id, error_code: "video_corrupt", error: "It is noise.", labels: { a: "b" } },
    });
    server.close();
    expect(await forward(event, receiver, secret, new AbortController().signal)).toBe("no answer");
  });
});
