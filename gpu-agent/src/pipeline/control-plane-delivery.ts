import type { ControlPlaneClient } from "../control-plane-client.ts";
import { createUploadedVideoStage } from "./download/uploaded-video.ts";
import type { Delivery } from "./pipeline.ts";
import { uploadResults } from "./upload.ts";

/** Uploaded videos come from the control plane, and results go there. */
export function controlPlaneDelivery(client: ControlPlaneClient): Delivery {
  return {
    fetchVideo: (run, limits) => createUploadedVideoStage(client, () => run.fence, limits),
    showPreview: (run, picture, signal) => client.showPreview(run.fence, picture, signal),
    deliver: (run, files, signal) => uploadResults(run, files, client, signal),
  };
}
