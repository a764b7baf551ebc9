import { parentPort, workerData } from "node:worker_threads";
import { readShPly, rotateSplatCloud } from "@splatt/formats/splats";
import type { WebFrameTask } from "../web-formats.ts";
import { writeLodSet } from "./write-lod-set.ts";

const { splatFile, rotation, target } = workerData as WebFrameTask;
const read = await readShPly(splatFile);
if (!read.ok) throw new Error(read.error);
parentPort?.postMessage(await writeLodSet(target, rotateSplatCloud(read.value, rotation)));
