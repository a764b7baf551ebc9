export { psnrOfSplat } from "./psnr-of-splat.ts";
export { type SyntheticOptions, writeSyntheticDataset } from "./synthetic-dataset.ts";
export { measureTasks, type TaskTimes } from "./task-times.ts";
