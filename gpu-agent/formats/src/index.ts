export * from "./splats.ts";
export {
  allLenses,
  type Dataset,
  Lens,
  largestLens,
  lensOf,
  Matrix4,
  PosedFrame,
  readDataset,
  readTransforms,
  Transforms,
} from "./transforms.ts";
