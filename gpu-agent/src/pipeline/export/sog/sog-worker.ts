import { parentPort, workerData } from "node:worker_threads";
import { type Rotation, readShPly, rotateSplatCloud } from "@splatt/formats";
import { writeSog } from "./write-sog.ts";

export interface SogTask {
  /** A PLY with spherical harmonics. */
  readonly splatFile: string;
  /** Into the frame of the web formats. */
  readonly rotation: Rotation;
  readonly sogFile: string;
}

const { splatFile, rotation, sogFile } = workerData as SogTask;
const read = await readShPly(splatFile);
if (!read.ok) throw new Error(read.error);
await writeSog(sogFile, rotateSplatCloud(read.value, rotation));
parentPort?.postMessage("written");
