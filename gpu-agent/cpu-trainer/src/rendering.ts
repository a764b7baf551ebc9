/** What threads that render need, without the trainer and its schemas: they load it in a third of the time. */

export {
  type Intrinsics,
  intrinsicsOf,
  type PinholeCamera,
  pinholeCamera,
  resized,
} from "./dataset/camera.ts";
export { undistort, undistortionMap, validPixels } from "./dataset/undistortion.ts";
export { mortonOrder } from "./scene/morton-order.ts";
export { SplatRenderer } from "./splat-renderer.ts";
