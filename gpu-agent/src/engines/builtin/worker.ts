import { parentPort, workerData } from "node:worker_threads";
import { lead } from "./lead.ts";
import type { LeadMessage, ThreadTask } from "./messages.ts";
import { help } from "./team.ts";
import { openWorkspace } from "./workspace.ts";

/** The entry of every thread of a training. Threads end by being terminated. */
const task = workerData as ThreadTask;
const workspace = openWorkspace(task.memory, task.module, task.layout);
if (task.lead === null) help(workspace, task.words, task.thread);
else await lead(task.lead, workspace, task.words, (message: LeadMessage) => parentPort?.postMessage(message));
