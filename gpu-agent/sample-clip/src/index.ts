export { type Camera, cameraAt, cameraOnPath } from "./camera-path.ts";
export { encodeVideo, type VideoEncoding } from "./encode-video.ts";
export {
  makeSampleClip,
  type RenderOptions,
  renderFrames,
  renderSampleFrames,
  SAMPLE_CLIP,
  type SampleClipOptions,
} from "./sample-clip.ts";
