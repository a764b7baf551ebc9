/** What needs no schemas, for threads that load quickly. */

export { type PlyProperty, type ScalarType, writePly } from "./ply.ts";
export { plyVertexCount } from "./ply-vertex-count.ts";
export { type PointCloud, readPointCloud } from "./point-cloud.ts";
export { writeRgbPly } from "./rgb-ply.ts";
export { type Rotation, rotateSplatCloud } from "./rotated-cloud.ts";
export { readShPly, readSplatFile, type SplatFile, writeShPly } from "./sh-ply.ts";
export { emptySplatCloud, restCoefficients, type SplatCloud, selectGaussians } from "./splat-cloud.ts";
export { usableGaussians } from "./usable-gaussians.ts";
