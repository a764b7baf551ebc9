export { loadDataset } from "./dataset/dataset-loading.ts";
export { type Exposure, measureExposure, withExposure } from "./dataset/exposure.ts";
export { checkKernels } from "./kernels/kernels.ts";
export { EARLY_SPLAT_NAME } from "./loop/early-splat.ts";
export { type TrainedSplat, type TrainerOptions, type TrainingContext, train } from "./loop/trainer.ts";
export * from "./rendering.ts";
export { RECOMMENDED_ITERATIONS, type TrainOptions, trainingSettings } from "./training-settings.ts";
