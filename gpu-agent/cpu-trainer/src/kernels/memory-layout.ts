import { shCoefficients } from "./spherical-harmonics.ts";

/**
 * Sides of a tile, in pixels. Tiles are numbered down the columns. A tile is blended in strips of four
 * pixels across, from top to bottom; longer strips need less set-up.
 */
export const TILE_WIDTH = 16;
export const TILE_HEIGHT = 64;

/** Zeros around every image plane, in pixels, so that the SSIM window can extend past the edges. */
export const PLANE_MARGIN = 8;

/** Gaussians are processed in chunks of this size, a multiple of four. */
export const CHUNK = 256;

/**
 * Kernels step from row to row of a table at one gaussian. Addresses that differ by a multiple of a memory page share
 * the few places of one set in the first-level cache, so each row starts a cache line farther into its page than the
 * last.
 */
const CACHE_LINE_BYTES = 64;
const PAGE_BYTES = 4096;
function staggeredRowBytes(floats: number): number {
  return alignUp(floats * 4, PAGE_BYTES) + CACHE_LINE_BYTES;
}

/** Bytes from one row of a chunk's gradients to the next: staggered in the same way. */
export const GRADIENT_ROW_BYTES = CHUNK * 4 + CACHE_LINE_BYTES;

/** Floats in a projected gaussian (see `SPLAT`); 64 bytes, a cache line. */
export const SPLAT_FLOATS = 16;

/** Floats in the gradient that one tile contributes to one gaussian (see `PAIR_GRADIENT`). */
export const PAIR_FLOATS = 12;

/** Bytes of a tile's working state; see kernels/blending.ts. */
export const TILE_STATE_BYTES = 192 + (TILE_WIDTH / 4) * TILE_HEIGHT * 96;

/**
 * The rows of the parameter table; each is one float for every gaussian. After `sh` come the spherical
 * harmonics, coefficient by coefficient, red, green and blue each.
 */
export const PARAM = { mean: 0, logScale: 3, rotation: 6, opacity: 10, sh: 11 } as const;

/** Rows of the parameter table at a degree of spherical harmonics. */
export function paramRows(shDegree: number): number {
  return PARAM.sh + 3 * shCoefficients(shDegree);
}

/**
 * Rows of a chunk's gradients: those of the parameters, and after them the part of the means' gradient that comes by
 * way of the colour, which depends on the direction from the camera.
 */
export function gradientRows(shDegree: number): number {
  return paramRows(shDegree) + 3;
}

/** Sums that a chunk adds to the gradient of its frame's camera (see loop/camera-gradient.ts). */
export const CAMERA_SUMS = 6;

/** The fields of a projected gaussian, as floats. Pixel (0, 0) covers [0, 1)². */
export const SPLAT = {
  x: 0,
  y: 1,
  /** log2 of alpha at offset d from the centre is a·dx² + b·dx·dy + c·dy² + logOpacity. */
  a: 2,
  b: 3,
  c: 4,
  logOpacity: 5,
  red: 6,
  green: 7,
  blue: 8,
  /**
   * Where alpha reaches 1/255, as an ellipse cut column by column: at dx it spans
   * slope·dx ± sqrt(span0 − span1·dx²).
   */
  slope: 9,
  span0: 10,
  span1: 11,
  /** Half the width of that ellipse. */
  extentX: 12,
  /** The dx at which it reaches farthest down. */
  dxAtBottom: 13,
  /** 2^(2c): how the ratio of alpha between one row and the next changes from row to row. */
  curvature: 14,
  /** Distance along the view axis; 0 when the gaussian is not visible. */
  depth: 15,
} as const;

/**
 * Gradients that a (gaussian, tile) pair accumulates. With g = dL/d(ln alpha) and w = alpha · transmittance
 * for each pixel, and d its offset from the centre: sums of g·{1, dx, dy, dx², dxdy, dy²}, of w·dL/dcolour,
 * of w·error and of w.
 */
export const PAIR_GRADIENT = {
  g: 0,
  gx: 1,
  gy: 2,
  gxx: 3,
  gxy: 4,
  gyy: 5,
  red: 6,
  green: 7,
  blue: 8,
  error: 9,
  weight: 10,
} as const;

/** Settings of the iteration that all kernels read, as floats and 32-bit integers. */
export const UNIFORM = {
  /** World to camera, row-major, OpenCV axes (x right, y down, z forward). */
  viewRotation: 0,
  viewTranslation: 9,
  focalX: 12,
  focalY: 13,
  centerX: 14,
  centerY: 15,
  cameraPosition: 16,
  /** Bounds of |x/z| and |y/z| in the Jacobian. */
  limitX: 19,
  limitY: 20,
  widthF32: 21,
  heightF32: 22,
  background: 23,
  /** Adam. */
  beta1: 26,
  beta2: 27,
  biasCorrection2: 28,
  opacityPenalty: 29,
  scalePenalty: 30,
  /** Of an L1 difference, and of the mean SSIM, in the loss. */
  l1Weight: 31,
  ssimWeight: 32,
  /** What a byte of the photo is multiplied by, for red, green and blue: 1/255, divided by the frame's gain. */
  photoScale: 33,
  /** See `BlendingLimits`. */
  minAlpha: 36,
  logMinAlpha: 37,
  minTransmittance: 38,
  // Integers from here on.
  width: 40,
  height: 41,
  tileColumns: 48,
  tileRows: 49,
  /** Bytes from one row of a plane to the next. */
  planeStride: 42,
  /** Bytes from one row of a frame's bytes to the next. */
  frameStride: 43,
  /** Addresses of the frame's red, green and blue bytes, and of the mask of valid pixels. */
  frame: 44,
  validMask: 47,
  /** 1 when the update also sums the gradient of the camera. */
  movesCamera: 50,
  /** One step size for each row of the parameter table. */
  stepSizes: 64,
} as const;
const UNIFORM_FLOATS = 128;

/** Room for the kernels' constants. */
export const CONSTANT_BYTES = 4096;

export interface SceneSize {
  /** Most gaussians. */
  readonly capacity: number;
  readonly shDegree: number;
  /** Pixels, at the finest level. */
  readonly width: number;
  readonly height: number;
  readonly threads: number;
  /** Bytes of all images at all levels. */
  readonly frameBytes: number;
}

/** The layout of the shared memory. All fields except the counts are byte addresses. */
export interface MemoryLayout {
  readonly capacity: number;
  readonly shDegree: number;
  readonly threads: number;
  /** Bytes from one row of the parameter table to the next. */
  readonly rowStride: number;
  readonly constants: number;
  readonly uniforms: number;
  readonly params: number;
  readonly moments1: number;
  readonly moments2: number;
  readonly splats: number;
  /** Per gaussian: all ones where it is visible. */
  readonly visible: number;
  /** Per gaussian: the number of tiles that it touches, and the first of its pair slots. */
  readonly tileCount: number;
  readonly firstSlot: number;
  /** Per gaussian, summed since the last densification: see densification.ts. */
  readonly errorSum: number;
  readonly weightSum: number;
  /** Visible gaussians, nearest first, and working space of the same size for sorting. */
  readonly order: number;
  readonly sortSpace: number;
  /** Per tile: the start of its pairs; one entry more than tiles. */
  readonly tileStart: number;
  /** Per tile: the number of pairs, later the number of blended pairs. */
  readonly tileCursor: number;
  /** Two working copies of tileStart. */
  readonly binCursors: number;
  /** Per row of the image: partial sums of the loss. */
  readonly rowSums: number;
  /** Per chunk: `CAMERA_SUMS` floats. */
  readonly cameraSums: number;
  /** Image planes of floats, red, green and blue: rendering, photo, dL/drendering. */
  readonly rendered: number;
  readonly target: number;
  readonly gradient: number;
  /** Absolute difference of rendering and photo, summed over the channels. */
  readonly error: number;
  /** Derivatives of SSIM by its three filtered inputs, for each channel. */
  readonly ssimMaps: number;
  /** Bytes from one plane to the next. */
  readonly planeBytes: number;
  /** From a plane's address to its pixel (0, 0), at any level, as rows of the margin and columns of it. */
  readonly threadScratch: number;
  readonly threadScratchBytes: number;
  readonly tileState: number;
  readonly chunkGradient: number;
  readonly ssimRows: number;
  readonly frames: number;
  readonly maxPairs: number;
  /** Per pair, ordered by tile and depth: (gaussian, slot). */
  readonly pairs: number;
  /** Per slot: `PAIR_FLOATS` floats. */
  readonly pairGradients: number;
  readonly totalBytes: number;
}

/** Capacity for pairs, per gaussian on average. Unused memory costs nothing. */
const PAIRS_PER_GAUSSIAN = 48;
const MIN_PAIRS = 1 << 20;

/** Bytes from one row of a plane to the next, at `width` pixels. */
export function planeStrideBytes(width: number): number {
  return (alignUp(width, 4) + 2 * PLANE_MARGIN) * 4;
}

export function planMemory(size: SceneSize): MemoryLayout {
  const capacity = alignUp(size.capacity, CHUNK);
  const rows = paramRows(size.shDegree);
  const rowStride = staggeredRowBytes(capacity);
  const tiles = Math.ceil(size.width / TILE_WIDTH) * Math.ceil(size.height / TILE_HEIGHT);
  const planeBytes = alignUp(planeStrideBytes(size.width) * (size.height + 2 * PLANE_MARGIN), 64);
  const maxPairs = Math.max(MIN_PAIRS, capacity * PAIRS_PER_GAUSSIAN);

  let end = 64;
  const reserve = (bytes: number): number => {
    const start = end;
    end = alignUp(end + bytes, 64);
    return start;
  };

  const chunkGradientBytes = gradientRows(size.shDegree) * GRADIENT_ROW_BYTES;
  const threadScratchBytes = TILE_STATE_BYTES + chunkGradientBytes + 4 * planeStrideBytes(size.width);

  const layout = {
    capacity,
    shDegree: size.shDegree,
    threads: size.threads,
    rowStride,
    constants: reserve(CONSTANT_BYTES),
    uniforms: reserve(UNIFORM_FLOATS * 4),
    params: reserve(rows * rowStride),
    moments1: reserve(rows * rowStride),
    moments2: reserve(rows * rowStride),
    splats: reserve(capacity * SPLAT_FLOATS * 4),
    visible: reserve(rowStride),
    tileCount: reserve(rowStride),
    firstSlot: reserve(rowStride),
    errorSum: reserve(rowStride),
    weightSum: reserve(rowStride),
    order: reserve(rowStride),
    sortSpace: reserve(3 * rowStride),
    tileStart: reserve((tiles + 1) * 4),
    tileCursor: reserve(tiles * 4),
    binCursors: reserve(2 * tiles * 4),
    rowSums: reserve(size.height * 4 * 4),
    cameraSums: reserve((capacity / CHUNK) * CAMERA_SUMS * 4),
    rendered: reserve(3 * planeBytes),
    target: reserve(3 * planeBytes),
    gradient: reserve(3 * planeBytes),
    error: reserve(planeBytes),
    ssimMaps: reserve(9 * planeBytes),
    planeBytes,
    threadScratch: reserve(size.threads * alignUp(threadScratchBytes, 64)),
    threadScratchBytes: alignUp(threadScratchBytes, 64),
    tileState: 0,
    chunkGradient: TILE_STATE_BYTES,
    ssimRows: TILE_STATE_BYTES + chunkGradientBytes,
    frames: reserve(size.frameBytes),
    maxPairs,
    pairs: reserve(maxPairs * 8),
    pairGradients: reserve(maxPairs * PAIR_FLOATS * 4),
  };
  return { ...layout, totalBytes: end };
}

export function alignUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
