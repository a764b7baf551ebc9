import { parentPort, workerData } from "node:worker_threads";
import { loadPhotos } from "../dataset/photo-loading.ts";
import { openWorkspace } from "../scene/workspace.ts";
import type { ThreadMessage, ThreadTask } from "./messages.ts";
import { runWorker } from "./thread-team.ts";

/** The entry point of every training thread. Threads end by being terminated. */
const task = workerData as ThreadTask;
const workspace = openWorkspace(task.memory, task.module, task.layout);
const post = (message: ThreadMessage) => parentPort?.postMessage(message);
if (task.coordinator === null) {
  const loaded = await loadPhotos(task.photos, new Uint8Array(task.memory.buffer));
  if (loaded.ok) runWorker(workspace, task.controlBlock, task.thread);
  else post({ type: "failed", failure: loaded.error });
} else {
  // One thread of them coordinates; the others need not load what only it does.
  const { coordinate } = await import("./coordinator.ts");
  await coordinate(task.coordinator, task.photos, workspace, task.controlBlock, post);
}
