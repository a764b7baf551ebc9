import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ControlPlaneProcess } from "@splatt/local/control-plane-process";
import type { JobCreated, JobList } from "@splatt/shared";
import { afterAll, beforeAll, expect, it } from "vitest";

/** Clients that repeat a request until it is answered, while the control plane is killed and started again. */

const API_KEY = "key-of-the-retries";
const CLIENTS = 50;

let dataDir: string;
let controlPlane: ControlPlaneProcess;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "splatt-retries-"));
  controlPlane = await start();
});
afterAll(async () => {
  await controlPlane.stop();
  await rm(dataDir, { recursive: true, force: true });
});

function start(): Promise<ControlPlaneProcess> {
  return ControlPlaneProcess.start({ dataDir, apiKey: API_KEY }, () => undefined);
}

it.each([
  ["no answer", 0],
  ["the first answer", 1],
  ["twenty answers", 20],
])("50 retries with one Idempotency-Key make one job, killed after %s", async (_, answersBefore) => {
  const taskId = `killed-${answersBefore}`;
  const headers = {
    "x-api-key": API_KEY,
    "content-type": "application/json",
    "idempotency-key": crypto.randomUUID(),
  };
  const video_url = "https://example.com/v.mp4";
  const body = JSON.stringify({ task_id: taskId, video_url });
  const restarted = Promise.withResolvers<void>();
  const enough = Promise.withResolvers<void>();
  const idsBefore: string[] = [];
  const create = async (): Promise<string | null> => {
    try {
      const answer = await fetch(`${controlPlane.url}/jobs`, { method: "POST", headers, body });
      const text = await answer.text();
      if (answer.status === 200) return (JSON.parse(text) as JobCreated).job_id;
      // Only a server that goes away, or comes back, may refuse.
      expect([answer.status, text]).toEqual([503, expect.any(String)]);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    return null;
  };
  const client = async (): Promise<string> => {
    const id = await create();
    // The other answers are lost on their way, as they are when the kill comes first.
    if (id !== null && idsBefore.length < answersBefore) {
      idsBefore.push(id);
      if (idsBefore.length === answersBefore) enough.resolve();
      return id;
    }
    await restarted.promise;
    for (;;) {
      const again = await create();
      if (again !== null) return again;
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  if (answersBefore > 0) await enough.promise;
  await controlPlane.kill();
  controlPlane = await start();
  restarted.resolve();
  const ids = new Set(await Promise.all(clients));

  expect(idsBefore).toHaveLength(answersBefore);
  expect(ids.size).toBe(1);
  const listed = await fetch(`${controlPlane.url}/jobs?task_id=${taskId}`, { headers });
  const { jobs } = (await listed.json()) as JobList;
  expect(jobs.map(({ job_id }) => job_id)).toEqual([...ids]);
});
