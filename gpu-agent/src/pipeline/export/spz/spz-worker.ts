import { parentPort, workerData } from "node:worker_threads";
import { readShPly, rotateSplatCloud } from "@splatt/formats/splats";
import type { WebFrameTask } from "../web-formats.ts";
import { writeSpz } from "./write-spz.ts";

const { splatFile, rotation, target } = workerData as WebFrameTask;
const read = await readShPly(splatFile);
if (!read.ok) throw new Error(read.error);
await writeSpz(target, rotateSplatCloud(read.value, rotation));
parentPort?.postMessage("written");
