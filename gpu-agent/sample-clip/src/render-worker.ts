import { parentPort, workerData } from "node:worker_threads";
import type { Camera } from "./camera-path.ts";
import { bakeFace } from "./lighting.ts";
import { type FrameSize, renderFrame } from "./render-frame.ts";
import { sampleScene } from "./scene.ts";
import { buildMipLevels, layOutAtlas } from "./textures.ts";

/** A worker's start-up data: the memory that all workers share. */
export interface RenderWorkerData {
  readonly texels: SharedArrayBuffer;
}

/** One piece of work. Faces are disjoint parts of the atlas; frames need all of it. */
export type RenderTask =
  | { readonly kind: "face"; readonly prop: number; readonly face: number }
  | { readonly kind: "frame"; readonly camera: Camera; readonly size: FrameSize };

/** Pixels of a frame; empty for a face. */
export type RenderReply = Uint8Array;

if (parentPort) {
  const port = parentPort;
  const scene = sampleScene();
  const atlas = layOutAtlas(scene);
  const texels = new Uint8Array((workerData as RenderWorkerData).texels);
  port.on("message", (task: RenderTask) => {
    if (task.kind === "face") {
      const texture = atlas.faces[task.prop]?.[task.face];
      if (texture) {
        bakeFace(scene, texture, texels);
        buildMipLevels(texture, texels);
      }
      port.postMessage(new Uint8Array(0));
      return;
    }
    const pixels = renderFrame(scene, atlas, texels, task.camera, task.size);
    port.postMessage(pixels, [pixels.buffer as ArrayBuffer]);
  });
}
