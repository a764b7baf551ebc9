import type { ConstantPool } from "../wasm/constant-pool.ts";
import { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { FunctionCode } from "../wasm/module-encoder.ts";
import type { F32x4, I32, Mask4 } from "../wasm/values.ts";
import {
  combine,
  dot,
  exp,
  exp2,
  log2,
  type Mat3,
  sigmoid,
  transform,
  transformTransposed,
  transpose4,
  type Vec3,
  vec3,
} from "./math.ts";
import { type MemoryLayout, PARAM, SPLAT, SPLAT_FLOATS, UNIFORM } from "./memory-layout.ts";
import { shBasis } from "./sh-kernel.ts";
import { countTiles, loadGrid } from "./tiling.ts";

/** Nearer gaussians are not drawn. Scenes are scaled so that the farthest camera is at distance 1. */
export const NEAR_PLANE = 0.02;

/** Variance, in square pixels, that is added to every projected gaussian: a pixel-sized low-pass filter. */
export const LOW_PASS = 0.3;

/** Below this alpha a gaussian is invisible in an 8-bit image. */
export const MIN_ALPHA = 1 / 255;

/** Footprints that reach farther, in pixels, are not drawn: their numbers overflow, or are too coarse for pixels. */
const MAX_EXTENT = 2 ** 22;

/** What blending leaves out. */
export interface BlendingLimits {
  /** Gaussians end where their alpha falls below this. */
  readonly minAlpha: number;
  /** Pixels are finished once less light than this comes through. Checked at the ends of a tile's strips only. */
  readonly minTransmittance: number;
}

/** Leaves out nothing that could be seen. */
export const FULL_BLENDING: BlendingLimits = { minAlpha: MIN_ALPHA, minTransmittance: 1e-3 };

/** All intermediate values from a gaussian's parameters to its footprint in the image, for four gaussians. */
export interface Projection {
  /** In camera coordinates. */
  readonly position: Vec3;
  readonly invDepth: F32x4;
  /** x/z and y/z within the limits of the Jacobian, and where they had to be limited. */
  readonly slope: readonly [F32x4, F32x4];
  readonly slopeIsFree: readonly [Mask4, Mask4];
  /** The Jacobian's entries: fx/z and fy/z; −fx·x/z² and −fy·y/z². */
  readonly jacobianDiagonal: readonly [F32x4, F32x4];
  readonly jacobianDepth: readonly [F32x4, F32x4];
  /** Jacobian · view rotation: two rows. */
  readonly screenAxes: readonly [Vec3, Vec3];
  /** Unit quaternion, and the length of the raw one. */
  readonly quaternion: Quaternion;
  readonly invQuaternionLength: F32x4;
  readonly rotation: Mat3;
  readonly scale: Vec3;
  /** rotation · diag(scale); the covariance is M·Mᵀ. */
  readonly axes: Mat3;
  /** screenAxes · axes: two rows; the projected covariance is U·Uᵀ plus the low-pass filter. */
  readonly screenShape: readonly [Vec3, Vec3];
  /** The projected covariance's entries [xx, xy, yy], its determinant and the inverse of that. */
  readonly covariance: readonly [F32x4, F32x4, F32x4];
  readonly determinant: F32x4;
  readonly invDeterminant: F32x4;
  readonly opacity: F32x4;
}

export interface Camera {
  readonly rotation: Mat3;
  readonly translation: Vec3;
  readonly focal: readonly [F32x4, F32x4];
  readonly center: readonly [F32x4, F32x4];
  readonly position: Vec3;
  readonly limit: readonly [F32x4, F32x4];
  readonly size: readonly [F32x4, F32x4];
}

export function loadCamera(k: KernelBuilder, layout: MemoryLayout): Camera {
  const uniforms = k.i32(layout.uniforms);
  const load = (index: number) => uniforms.loadSplat(index * 4);
  return {
    rotation: vec3((row) => vec3((column) => load(UNIFORM.viewRotation + 3 * row + column))),
    translation: vec3((axis) => load(UNIFORM.viewTranslation + axis)),
    focal: [load(UNIFORM.focalX), load(UNIFORM.focalY)],
    center: [load(UNIFORM.centerX), load(UNIFORM.centerY)],
    position: vec3((axis) => load(UNIFORM.cameraPosition + axis)),
    limit: [load(UNIFORM.limitX), load(UNIFORM.limitY)],
    size: [load(UNIFORM.widthF32), load(UNIFORM.heightF32)],
  };
}

/** Parameter `row` of the four gaussians at `address` (4 · the first one's index). */
export function loadParam(layout: MemoryLayout, address: I32, row: number): F32x4 {
  return address.loadF32x4(layout.params + row * layout.rowStride);
}

export function loadParam3(layout: MemoryLayout, address: I32, row: number): Vec3 {
  return vec3((axis) => loadParam(layout, address, row + axis));
}

/**
 * Projects four gaussians: EWA splatting (Zwicker et al. 2001) in the form of Kerbl et al. 2023, eq. 5–6.
 *
 * The covariance is kept factored, U·Uᵀ with U = J·W·R·S, so its determinant is a sum of squares
 * (Lagrange's identity) that rounding cannot make negative.
 */
export function project(k: KernelBuilder, layout: MemoryLayout, camera: Camera, address: I32): Projection {
  const rotated = transform(camera.rotation, loadParam3(layout, address, PARAM.mean));
  const position = vec3((axis) => rotated[axis].add(camera.translation[axis]));
  const invDepth = k.f32x4(1).div(position[2].max(NEAR_PLANE));
  const along = (axis: 0 | 1) => {
    const ratio = position[axis].mul(invDepth);
    const limit = camera.limit[axis];
    const slope = ratio.max(limit.neg()).min(limit);
    const diagonal = camera.focal[axis].mul(invDepth);
    return { slope, isFree: ratio.abs().lt(limit), diagonal, depth: diagonal.mul(slope).neg() };
  };
  const [h, v] = [along(0), along(1)];
  const [row0, row1, row2] = camera.rotation;
  const screenAxes = [
    combine(h.diagonal, row0, h.depth, row2),
    combine(v.diagonal, row1, v.depth, row2),
  ] as const;

  const [w0, x0, y0, z0] = [0, 1, 2, 3].map((i) => loadParam(layout, address, PARAM.rotation + i)) as [
    F32x4,
    F32x4,
    F32x4,
    F32x4,
  ];
  const lengthSquared = w0.madd(w0, x0.madd(x0, y0.madd(y0, z0.mul(z0))));
  const invQuaternionLength = k.f32x4(1).div(lengthSquared.max(1e-24).sqrt());
  const quaternion: Quaternion = [
    w0.mul(invQuaternionLength),
    x0.mul(invQuaternionLength),
    y0.mul(invQuaternionLength),
    z0.mul(invQuaternionLength),
  ];
  const rotation = rotationMatrix(quaternion);
  const logScale = loadParam3(layout, address, PARAM.logScale);
  const scale = vec3((j) => exp(k, logScale[j]));
  const axes: Mat3 = vec3((i) => vec3((j) => rotation[i][j].mul(scale[j])));
  const screenShape = [
    transformTransposed(axes, screenAxes[0]),
    transformTransposed(axes, screenAxes[1]),
  ] as const;

  const [u0, u1] = screenShape;
  const [xx, xy, yy] = [dot(u0, u0), dot(u0, u1), dot(u1, u1)];
  const cross: Vec3 = [
    u0[1].mul(u1[2]).sub(u0[2].mul(u1[1])),
    u0[2].mul(u1[0]).sub(u0[0].mul(u1[2])),
    u0[0].mul(u1[1]).sub(u0[1].mul(u1[0])),
  ];
  const determinant = dot(cross, cross).add(xx.add(yy).madd(LOW_PASS, LOW_PASS ** 2));
  return {
    position,
    invDepth,
    slope: [h.slope, v.slope],
    slopeIsFree: [h.isFree, v.isFree],
    jacobianDiagonal: [h.diagonal, v.diagonal],
    jacobianDepth: [h.depth, v.depth],
    screenAxes,
    quaternion,
    invQuaternionLength,
    rotation,
    scale,
    axes,
    screenShape,
    covariance: [xx.add(LOW_PASS), xy, yy.add(LOW_PASS)],
    determinant,
    invDeterminant: k.f32x4(1).div(determinant),
    opacity: sigmoid(k, loadParam(layout, address, PARAM.opacity)),
  };
}

export type Quaternion = readonly [F32x4, F32x4, F32x4, F32x4];

function rotationMatrix([w, x, y, z]: Quaternion): Mat3 {
  const [x2, y2, z2] = [x.add(x), y.add(y), z.add(z)];
  const [xx, yy, zz] = [x.mul(x2), y.mul(y2), z.mul(z2)];
  const [xy, xz, yz] = [x.mul(y2), x.mul(z2), y.mul(z2)];
  const [wx, wy, wz] = [w.mul(x2), w.mul(y2), w.mul(z2)];
  const oneMinus = (a: F32x4, b: F32x4) => a.add(b).neg().add(1);
  return [
    [oneMinus(yy, zz), xy.sub(wz), xz.add(wy)],
    [xy.add(wz), oneMinus(xx, zz), yz.sub(wx)],
    [xz.sub(wy), yz.add(wx), oneMinus(xx, yy)],
  ];
}

/** The direction from the camera to each of four gaussians, and 1/distance. */
export function viewDirection(
  k: KernelBuilder,
  layout: MemoryLayout,
  camera: Camera,
  address: I32,
): { direction: Vec3; invDistance: F32x4 } {
  const mean = loadParam3(layout, address, PARAM.mean);
  const offset = vec3((axis) => mean[axis].sub(camera.position[axis]));
  const invDistance = k.f32x4(1).div(dot(offset, offset).max(1e-24).sqrt());
  return { direction: vec3((axis) => offset[axis].mul(invDistance)), invDistance };
}

/** 0.5 + Σ coefficient · basis for each channel, before clamping at 0. */
export function shColor(k: KernelBuilder, layout: MemoryLayout, address: I32, basis: readonly F32x4[]): Vec3 {
  return vec3((channel) =>
    basis.reduce(
      (sum, value, i) => value.madd(loadParam(layout, address, PARAM.sh + 3 * i + channel), sum),
      k.f32x4(0.5),
    ),
  );
}

/**
 * Kernel `project<degree>(first, end)`: projects the gaussians from `first` to `end` (multiples of four),
 * writes their splat records, visibility and number of tiles, and adds to the tiles' counts.
 */
export function projectionKernel(
  layout: MemoryLayout,
  constants: ConstantPool,
  degree: number,
): FunctionCode {
  const k = new KernelBuilder(constants);
  const first = k.paramI32();
  const end = k.paramI32();
  const camera = loadCamera(k, layout);
  const grid = loadGrid(k, layout);
  const logMinAlpha = k.i32(layout.uniforms).loadSplat(UNIFORM.logMinAlpha * 4);
  k.for(first, end, 4, (index) => {
    const address = index.shiftLeft(2);
    const p = project(k, layout, camera, address);
    const [xx, xy, yy] = p.covariance;
    const logOpacity = log2(k, p.opacity.max(1e-30));
    // Alpha reaches the least visible alpha where the Mahalanobis distance squared is this.
    const reach = logOpacity.sub(logMinAlpha).mul(2 * Math.LN2);
    const positiveReach = reach.max(0);
    const extentX = xx.mul(positiveReach).sqrt();
    const extentY = yy.mul(positiveReach).sqrt();
    const x = p.position[0].mul(p.jacobianDiagonal[0]).add(camera.center[0]);
    const y = p.position[1].mul(p.jacobianDiagonal[1]).add(camera.center[1]);
    // The sizes are compared in such a way that those that are not numbers are invisible.
    const visible = p.position[2]
      .gt(NEAR_PLANE)
      .and(reach.gt(0))
      .and(extentX.lt(MAX_EXTENT))
      .and(extentY.lt(MAX_EXTENT))
      .and(x.add(extentX).gt(0))
      .and(y.add(extentY).gt(0))
      .and(x.sub(extentX).lt(camera.size[0]))
      .and(y.sub(extentY).lt(camera.size[1]));
    address.storeF32x4(visible, layout.visible);
    const record = address.shiftLeft(4);
    k.if(
      visible.any(),
      () => {
        const basis = shBasis(k, degree, viewDirection(k, layout, camera, address).direction);
        const color = shColor(k, layout, address, basis);
        const invXx = k.f32x4(1).div(xx);
        const determinantPerXx = p.determinant.mul(invXx);
        const c = xx.mul(p.invDeterminant).mul(-0.5 * Math.LOG2E);
        const columns: { readonly [field in keyof typeof SPLAT]: F32x4 } = {
          x,
          y,
          a: yy.mul(p.invDeterminant).mul(-0.5 * Math.LOG2E),
          b: xy.mul(p.invDeterminant).mul(Math.LOG2E),
          c,
          logOpacity,
          red: color[0].max(0),
          green: color[1].max(0),
          blue: color[2].max(0),
          slope: xy.mul(invXx),
          span0: determinantPerXx.mul(reach),
          span1: determinantPerXx.mul(invXx),
          extentX,
          dxAtBottom: xy.div(yy).mul(extentY),
          curvature: exp2(k, c.mul(2).max(-60)),
          depth: p.position[2].where(visible),
        };
        address.storeI32x4(countTiles(k, layout, grid, columns, visible), layout.tileCount);
        const ordered = Object.entries(SPLAT)
          .toSorted(([, a], [, b]) => a - b)
          .map(([field]) => columns[field as keyof typeof SPLAT]);
        for (let part = 0; part < SPLAT_FLOATS; part += 4) {
          const [a, b, c, d] = ordered.slice(part, part + 4) as [F32x4, F32x4, F32x4, F32x4];
          transpose4(a, b, c, d).forEach((row, gaussian) => {
            record.storeF32x4(row, layout.splats + (gaussian * SPLAT_FLOATS + part) * 4);
          });
        }
      },
      () => {
        address.storeI32x4(k.i32x4(0), layout.tileCount);
        const zero = k.f32(0);
        for (let gaussian = 0; gaussian < 4; gaussian++) {
          record.storeF32(zero, layout.splats + (gaussian * SPLAT_FLOATS + SPLAT.depth) * 4);
        }
      },
    );
  });
  return k.finish(`project${degree}`);
}
