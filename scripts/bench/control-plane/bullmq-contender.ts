import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Arrivals } from "./arrivals.ts";
import { connectionTo, loadBullMq, QUEUE } from "./bullmq.ts";
import type { Contender } from "./contender.ts";
import { BENCH_JOB, postJson } from "./worker-contender.ts";

/**
 * BullMQ: a small HTTP server adds jobs to a Redis with an append-only log, and a worker in this process takes them.
 *
 * @param folder where `npm install bullmq ioredis` was run
 * @param redis the program redis-server
 */
export async function bullMqContender(folder: string, redis: string, slots: number): Promise<Contender> {
  const dir = await mkdtemp(join(tmpdir(), "splatt-bench-redis-"));
  const socket = join(dir, "redis.sock");
  const store = spawn(redis, ["--port", "0", "--unixsocket", socket, "--dir", dir, "--appendonly", "yes"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve) => {
    createInterface({ input: store.stdout }).on("line", (line) => {
      if (/ready to accept connections/i.test(line)) resolve();
    });
  });
  const server = fork(join(import.meta.dirname, "bullmq-server.ts"), [folder, socket]);
  const [port] = (await once(server, "message")) as [number];
  const arrivals = new Arrivals();
  const { Worker } = loadBullMq(folder);
  const take = async (job: { readonly data: { readonly id: string } }) => arrivals.note(job.data.id);
  const worker = new Worker(QUEUE, take, { ...connectionTo(socket), concurrency: slots });
  await worker.waitUntilReady();
  const http = new Agent({ keepAlive: true });
  return {
    name: "BullMQ",
    async handOver() {
      const began = performance.now();
      const url = `http://127.0.0.1:${port}/jobs`;
      const { job_id } = await postJson<{ job_id: string }>(url, http, "", BENCH_JOB);
      return (await arrivals.of(job_id)) - began;
    },
    settle: async () => undefined,
    async [Symbol.asyncDispose]() {
      http.destroy();
      await worker.close();
      const gone = [once(server, "exit"), once(store, "exit")];
      server.disconnect();
      store.kill();
      await Promise.all(gone);
      await rm(dir, { recursive: true });
    },
  };
}
