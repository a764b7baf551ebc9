import { createRequire } from "node:module";
import { join } from "node:path";

/** The part of bullmq's interface that the benchmark uses; the project does not depend on bullmq. */
export interface BullMq {
  readonly Queue: new (name: string, options: Connection) => Queue;
  readonly Worker: new (
    name: string,
    work: (job: { readonly data: { readonly id: string } }) => Promise<void>,
    options: Connection & { readonly concurrency: number },
  ) => { waitUntilReady(): Promise<unknown>; close(): Promise<void> };
}

interface Connection {
  readonly connection: { readonly path: string; readonly maxRetriesPerRequest: null };
}

interface Queue {
  add(name: string, data: object): Promise<unknown>;
  close(): Promise<void>;
}

export const QUEUE = "jobs";

/** @param folder where `npm install bullmq ioredis` was run */
export function loadBullMq(folder: string): BullMq {
  return createRequire(join(folder, "package.json"))("bullmq") as BullMq;
}

export function connectionTo(socket: string): Connection {
  return { connection: { path: socket, maxRetriesPerRequest: null } };
}
