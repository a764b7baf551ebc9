import { parentPort, workerData } from "node:worker_threads";
import { readShPly, rotateSplatCloud } from "@splatt/formats/splats";
import { writeSog } from "./sog/write-sog.ts";
import { writeSpz } from "./spz/write-spz.ts";
import type { WebFrameTask } from "./web-formats.ts";

const { splatFile, rotation, target } = workerData as WebFrameTask;
const read = await readShPly(splatFile);
if (!read.ok) throw new Error(read.error);
const write = target.endsWith(".sog") ? writeSog : writeSpz;
await write(target, rotateSplatCloud(read.value, rotation));
parentPort?.postMessage("written");
