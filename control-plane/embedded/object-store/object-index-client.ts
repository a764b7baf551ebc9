import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { ObjectIndex } from "./object-index.ts";

const METHODS = [
  "abortUpload",
  "blobsOf",
  "close",
  "completeUpload",
  "createUpload",
  "delete",
  "hasUpload",
  "isReferenced",
  "list",
  "object",
  "partsOf",
  "put",
  "putPart",
  "read",
  "uploadsCreatedBefore",
] as const satisfies readonly (keyof ObjectIndex)[];
type Method = (typeof METHODS)[number];

/** The index in a thread: answers arrive in the order of the calls. */
export type ObjectIndexClient = {
  readonly [M in Method]: (
    ...args: Parameters<ObjectIndex[M]>
  ) => Promise<Awaited<ReturnType<ObjectIndex[M]>>>;
};

export interface IndexCall {
  readonly id: number;
  readonly method: Method;
  readonly args: readonly unknown[];
}

export type IndexOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string; readonly errcode: number | null };

export type IndexReply = { readonly id: number } & IndexOutcome;

/**
 * Opens the index in a thread, because SQLite waits for the disk synchronously: on one that hangs, the thread of the
 * front door could not serve anything.
 *
 * @throws when the index cannot be opened, for example because another process uses it
 */
export async function openObjectIndex(path: string): Promise<ObjectIndexClient> {
  const thread = new Worker(join(import.meta.dirname, "index-thread.ts"), { workerData: path });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let ended: Error | null = null;
  const end = (error: Error) => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  thread.on("error", end).on("exit", () => end(new Error("the index of the object store is closed")));
  thread.on("message", (reply: IndexReply) => {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.ok) call?.resolve(reply.value);
    else call?.reject(Object.assign(new Error(reply.message), { errcode: reply.errcode }));
  });
  await once(thread, "online");

  let lastId = 0;
  const call = (method: Method, args: readonly unknown[]): Promise<unknown> => {
    if (ended !== null) return Promise.reject(ended);
    const answer = Promise.withResolvers<unknown>();
    lastId += 1;
    waiting.set(lastId, answer);
    thread.postMessage({ id: lastId, method, args } satisfies IndexCall);
    return answer.promise;
  };
  const methods = METHODS.map((method) => [method, (...args: unknown[]) => call(method, args)]);
  const client = Object.fromEntries(methods) as ObjectIndexClient;
  // The first answer says that the database is open.
  await client.hasUpload("", "");
  return client;
}
