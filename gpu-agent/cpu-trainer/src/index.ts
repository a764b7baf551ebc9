export { type Intrinsics, type PinholeCamera, pinholeCamera, resized } from "./dataset/camera.ts";
export { intrinsicsOf, loadDataset } from "./dataset/dataset-loading.ts";
export { type Exposure, measureExposure, withExposure } from "./dataset/exposure.ts";
export { undistort, undistortionMap, validPixels } from "./dataset/undistortion.ts";
export { checkKernels } from "./kernels/kernels.ts";
export { EARLY_SPLAT_NAME } from "./loop/early-splat.ts";
export { type TrainedSplat, type TrainerOptions, type TrainingContext, train } from "./loop/trainer.ts";
export { SplatRenderer } from "./splat-renderer.ts";
export { RECOMMENDED_ITERATIONS, type TrainOptions, trainingSettings } from "./training-settings.ts";
