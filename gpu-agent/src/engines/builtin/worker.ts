import { parentPort, workerData } from "node:worker_threads";
import { lead } from "./lead.ts";
import type { ThreadMessage, ThreadTask } from "./messages.ts";
import { loadPhotos } from "./photo-loading.ts";
import { help } from "./team.ts";
import { openWorkspace } from "./workspace.ts";

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
