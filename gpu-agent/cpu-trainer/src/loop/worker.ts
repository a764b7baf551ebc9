import { parentPort, workerData } from "node:worker_threads";
import { loadPhotos } from "../dataset/photo-loading.ts";
import { openWorkspace } from "../scene/workspace.ts";
import { lead } from "./coordinator.ts";
import type { ThreadMessage, ThreadTask } from "./messages.ts";
import { help } from "./thread-team.ts";

/** The entry of every thread of a training. Threads end by being terminated. */
const task = workerData as ThreadTask;
const workspace = openWorkspace(task.memory, task.module, task.layout);
const tell = (message: ThreadMessage) => parentPort?.postMessage(message);
if (task.lead === null) {
  const loaded = await loadPhotos(task.photos, new Uint8Array(task.memory.buffer));
  if (loaded.ok) help(workspace, task.words, task.thread);
  else tell({ type: "failed", failure: loaded.error });
} else {
  await lead(task.lead, task.photos, workspace, task.words, tell);
}
