import {
  CAMERA_SUMS,
  CHUNK,
  GRADIENT_ROW_BYTES,
  gradientRows,
  PARAM,
  paramRows,
  UNIFORM,
} from "../kernels/memory-layout.ts";
import type { Workspace } from "../scene/workspace.ts";

/*
 * The gradient of a camera, to first order. A camera that shifts by t and turns by ω about its own centre c sees what
 * it would see if all gaussians shifted by −t and turned by −ω about c. With g = dL/dmean and q a gaussian's
 * quaternion,
 *
 *   dL/dt = −Σ g    and    dL/dω = −Σ (p − c) × g − ½ Σ dL/dq · ((0, ω) ⊗ q)
 *
 * except that colours are functions of the direction from c in the world's axes: their part of g does not turn.
 */

/**
 * Adds up what the visible gaussians of a chunk contribute: dL/dω, then dL/dt. The chunk's gradients are in the
 * scratch.
 */
export function sumCameraGradient(workspace: Workspace, chunk: number, thread: number, count: number): void {
  const { layout, params, visible, uniforms, cameraSums } = workspace;
  const scratch = layout.threadScratch + thread * layout.threadScratchBytes + layout.chunkGradient;
  const gradients = new Float32Array(
    workspace.memory.buffer,
    scratch,
    (gradientRows(layout.shDegree) * GRADIENT_ROW_BYTES) / 4,
  );
  const stride = GRADIENT_ROW_BYTES / 4;
  const [px, py, pz] = params.slice(PARAM.mean) as [Float32Array, Float32Array, Float32Array];
  const [qw, qx, qy, qz] = params.slice(PARAM.rotation) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const [cx = 0, cy = 0, cz = 0] = uniforms.floats.subarray(UNIFORM.cameraPosition);
  const at = (row: number, j: number) => gradients[row * stride + j] as number;
  const color = paramRows(layout.shDegree);
  const rotation = PARAM.rotation;
  let [ox, oy, oz, tx, ty, tz] = [0, 0, 0, 0, 0, 0];
  const first = chunk * CHUNK;
  const end = Math.min(first + CHUNK, count);
  for (let i = first; i < end; i++) {
    if (visible[i] === 0) continue;
    const j = i - first;
    const [mx, my, mz] = [at(PARAM.mean, j), at(PARAM.mean + 1, j), at(PARAM.mean + 2, j)];
    tx -= mx;
    ty -= my;
    tz -= mz;
    const [gx, gy, gz] = [mx - at(color, j), my - at(color + 1, j), mz - at(color + 2, j)];
    const [x, y, z] = [(px[i] as number) - cx, (py[i] as number) - cy, (pz[i] as number) - cz];
    const [w, a, b, c] = [qw[i] as number, qx[i] as number, qy[i] as number, qz[i] as number];
    const [dw, da, db, dc] = [at(rotation, j), at(rotation + 1, j), at(rotation + 2, j), at(rotation + 3, j)];
    ox -= y * gz - z * gy + 0.5 * (w * da - a * dw + b * dc - c * db);
    oy -= z * gx - x * gz + 0.5 * (w * db - b * dw + c * da - a * dc);
    oz -= x * gy - y * gx + 0.5 * (w * dc - c * dw + a * db - b * da);
  }
  cameraSums.set([ox, oy, oz, tx, ty, tz], CAMERA_SUMS * chunk);
}

/** dL/dω and dL/dt of the camera, from the sums of all chunks. */
export function cameraGradient({ cameraSums }: Workspace, count: number): Float64Array {
  const total = new Float64Array(CAMERA_SUMS);
  for (let i = 0; i < Math.ceil(count / CHUNK) * CAMERA_SUMS; i++) {
    total[i % CAMERA_SUMS] = (total[i % CAMERA_SUMS] as number) + (cameraSums[i] as number);
  }
  return total;
}
