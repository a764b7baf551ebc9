import { parentPort, workerData } from "node:worker_threads";
import { ObjectIndex } from "./object-index.ts";
import type { IndexCall, IndexOutcome, IndexReply } from "./object-index-client.ts";

/** The thread of object-index-client.ts. */

const index = new ObjectIndex(workerData as string);
parentPort?.on("message", ({ id, method, args }: IndexCall) => {
  parentPort?.postMessage({ id, ...answerTo(method, args) } satisfies IndexReply);
  if (method === "close") parentPort?.close();
});

function answerTo(method: IndexCall["method"], args: readonly unknown[]): IndexOutcome {
  try {
    const run = index[method] as (...args: readonly unknown[]) => unknown;
    return { ok: true, value: run.apply(index, [...args]) };
  } catch (error) {
    const errcode = error instanceof Error && "errcode" in error ? Number(error.errcode) : null;
    return { ok: false, message: String(error), errcode };
  }
}
