import type { ControlPlaneClient } from "../control-plane-client.ts";
import { createUploadedVideoStage } from "./download/uploaded-video.ts";
import type { Delivery } from "./pipeline.ts";
import { createUploadStage } from "./upload.ts";

/** Fetches uploaded videos from the control plane, and uploads results to it. */
export function controlPlaneDelivery(client: ControlPlaneClient): Delivery {
  return {
    fetchVideo: (job, limits) => createUploadedVideoStage(client, () => job.fence, limits),
    showPreview: (job, picture, signal) => client.showPreview(job.fence, picture, signal),
    deliver: (stages, job, files) => stages.run(createUploadStage(client, job), files),
  };
}
