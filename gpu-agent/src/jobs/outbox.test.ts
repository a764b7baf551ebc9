import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AckedMessage, JobOptions } from "@splatt/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { JobRecordFile, loadJobRecord, newJobRecord } from "./job-record.ts";
import { Outbox } from "./outbox.ts";

const FENCE = { job_id: "8c3f4a52-0f8e-4f57-9d4e-0e7a3d8f1b11", attempt: 1, lease_id: "lease-1" };
const SPEC = {
  source: { kind: "url", url: "https://videos.test/v.mp4" } as const,
  options: JobOptions.parse({}),
  retry_of: null,
};

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "splatt-outbox-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function outboxIn(folder: string) {
  const sent: AckedMessage[] = [];
  const file = new JobRecordFile(folder, newJobRecord(FENCE, SPEC, 0));
  return { file, sent, outbox: new Outbox(file, (message) => sent.push(message)) };
}

describe("the outbox", () => {
  it("saves a message before it is sent, and keeps it until it is acked", async () => {
    const { outbox, sent } = outboxIn(dir);
    await outbox.post({ type: "job.cancelled" });
    expect(sent).toEqual([{ type: "job.cancelled", fence: FENCE, seq: 1 }]);
    expect(await loadJobRecord(dir)).toMatchObject({ seq: 1, outbox: sent });
    outbox.resend();
    expect(sent).toHaveLength(2);
    outbox.acked(1);
    outbox.resend();
    expect(sent).toHaveLength(2);
  });

  it("saves a message with the change that it reports, and an ack with the next change", async () => {
    const { outbox, file } = outboxIn(dir);
    const news = { status: "training", progress: 9, message: "Training..." } as const;
    await outbox.post({ type: "job.stage", ...news }, news);
    expect(await loadJobRecord(dir)).toMatchObject({ ...news, outbox: [news] });
    outbox.acked(1);
    expect(await loadJobRecord(dir)).toMatchObject({ outbox: [news] });
    await file.update({ progress: 10 });
    expect(await loadJobRecord(dir)).toMatchObject({ outbox: [] });
  });

  it("continues above the last number that the Dispatcher has seen, even when its own record is older", async () => {
    const { outbox, sent } = outboxIn(dir);
    await outbox.post({ type: "job.stage", status: "training", progress: 1, message: "" });
    const fence = { ...FENCE, lease_id: "lease-2" };
    await outbox.refence(fence, 5);
    await outbox.post({ type: "job.cancelled" });
    outbox.resend();
    expect(sent.slice(1).map(({ fence: { lease_id }, seq }) => [lease_id, seq])).toEqual([
      ["lease-2", 6],
      ["lease-2", 1],
      ["lease-2", 6],
    ]);
  });

  it("sends messages that the disk refuses to save, and saves the unacked ones as soon as it can", async () => {
    const folder = join(dir, "job");
    await writeFile(folder, "a file where the folder should be");
    const { outbox, sent, file } = outboxIn(folder);
    await outbox.post({ type: "job.cancelled" });
    expect(sent).toHaveLength(1);
    expect(file.isUnsaved).toBe(true);

    await rm(folder);
    await mkdir(folder);
    outbox.resend();
    await file.update({});
    expect(file.isUnsaved).toBe(false);
    expect(await loadJobRecord(folder)).toMatchObject({ seq: 1 });
  });
});
