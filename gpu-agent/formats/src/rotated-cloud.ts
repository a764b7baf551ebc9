import { restCoefficients, type SplatCloud } from "./splat-cloud.ts";

/** A rotation matrix, by rows. */
export type Rotation = readonly (readonly number[])[];

/**
 * A splat whose scene is turned: positions, orientations, and the spherical harmonics, which are functions of
 * direction.
 */
export function rotateSplatCloud(cloud: SplatCloud, rotation: Rotation): SplatCloud {
  const positions = new Float32Array(cloud.positions.length);
  const rotations = new Float32Array(cloud.rotations.length);
  const turn = quaternionOf(rotation);
  for (let i = 0; i < cloud.count; i++) {
    const [x = 0, y = 0, z = 0] = cloud.positions.subarray(3 * i, 3 * i + 3);
    positions.set(apply(rotation, [x, y, z]), 3 * i);
    const [qw = 0, qx = 0, qy = 0, qz = 0] = cloud.rotations.subarray(4 * i, 4 * i + 4);
    rotations.set(product(turn, [qw, qx, qy, qz]), 4 * i);
  }
  return { ...cloud, positions, rotations, rest: rotatedHarmonics(cloud, rotation) };
}

/** More than a band has functions. */
const DIRECTIONS = 64;

function rotatedHarmonics({ count, shDegree, rest }: SplatCloud, rotation: Rotation): Float32Array {
  const rotated = new Float32Array(rest.length);
  const perChannel = restCoefficients(shDegree);
  for (let band = 1; band <= shDegree; band++) {
    const matrix = bandRotation(band, rotation);
    const first = band ** 2 - 1;
    const size = matrix.length;
    for (let row = 0; row < 3 * count; row++) {
      const at = row * perChannel + first;
      for (let j = 0; j < size; j++) {
        const weights = matrix[j] as Float64Array;
        let sum = 0;
        for (let k = 0; k < size; k++) sum += (weights[k] as number) * (rest[at + k] as number);
        rotated[at + j] = sum;
      }
    }
  }
  return rotated;
}

/**
 * What turns the coefficients of a band: the matrix M with Σ (M·c)_j Y_j(R·d) = Σ c_j Y_j(d) for all directions d. The
 * functions of a band turn into each other, so the equations of many directions have an exact solution.
 */
function bandRotation(band: number, rotation: Rotation): Float64Array[] {
  const size = 2 * band + 1;
  const directions = Array.from({ length: DIRECTIONS }, (_, i) => {
    // On a spiral around the sphere, where the functions are nearly orthogonal.
    const z = 1 - (2 * i + 1) / DIRECTIONS;
    const angle = Math.PI * (3 - Math.sqrt(5)) * i;
    const radius = Math.sqrt(1 - z * z);
    return [radius * Math.cos(angle), radius * Math.sin(angle), z];
  });
  const turned = directions.map((direction) => bandFunctions(band, apply(rotation, direction)));
  const plain = directions.map((direction) => bandFunctions(band, direction));
  const products = (others: readonly (readonly number[])[]) =>
    Array.from({ length: size }, (_, j) =>
      Array.from({ length: size }, (_, k) =>
        turned.reduce((sum, values, i) => sum + (values[j] ?? 0) * (others[i]?.[k] ?? 0), 0),
      ),
    );
  return solve(products(turned), products(plain));
}

/** The real spherical harmonics of a band, up to a common factor of each kind, with the signs of 3DGS. */
function bandFunctions(band: number, [x = 0, y = 0, z = 0]: readonly number[]): number[] {
  if (band === 1) return [-y, z, -x];
  const [xx, yy, zz] = [x * x, y * y, z * z];
  if (band === 2) {
    const root3 = Math.sqrt(3);
    return [2 * root3 * x * y, -2 * root3 * y * z, 2 * zz - xx - yy, -2 * root3 * x * z, root3 * (xx - yy)];
  }
  const [root6, root10, root15] = [Math.sqrt(6), Math.sqrt(10), Math.sqrt(15)];
  return [
    -root10 * y * (3 * xx - yy),
    4 * root15 * x * y * z,
    -root6 * y * (4 * zz - xx - yy),
    2 * z * (2 * zz - 3 * xx - 3 * yy),
    -root6 * x * (4 * zz - xx - yy),
    2 * root15 * z * (xx - yy),
    -root10 * x * (xx - 3 * yy),
  ];
}

/** The matrix X with A·X = B, by Gauss–Jordan elimination with pivots. */
function solve(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): Float64Array[] {
  const size = a.length;
  const rows: Float64Array[] = a.map((row, i) => Float64Array.from([...row, ...(b[i] ?? [])]));
  for (let column = 0; column < size; column++) {
    const sizeAt = (row: number) => Math.abs(rows[row]?.[column] ?? 0);
    let pivot = column;
    for (let row = column + 1; row < size; row++) if (sizeAt(row) > sizeAt(pivot)) pivot = row;
    const chosen = rows[pivot] as Float64Array;
    rows[pivot] = rows[column] as Float64Array;
    const scale = 1 / (chosen[column] as number);
    rows[column] = chosen.map((value) => value * scale);
    for (let row = 0; row < size; row++) {
      if (row === column) continue;
      const factor = rows[row]?.[column] ?? 0;
      rows[row] = (rows[row] as Float64Array).map((value, k) => value - factor * (rows[column]?.[k] ?? 0));
    }
  }
  return rows.map((row) => row.slice(size));
}

function apply(rotation: Rotation, [x = 0, y = 0, z = 0]: readonly number[]): number[] {
  return [0, 1, 2].map((i) => {
    const [a = 0, b = 0, c = 0] = rotation[i] ?? [];
    return a * x + b * y + c * z;
  });
}

type Quaternion = readonly [w: number, x: number, y: number, z: number];

function quaternionOf(rotation: Rotation): Quaternion {
  const at = (row: number, column: number) => rotation[row]?.[column] ?? 0;
  // The largest of the four is never small, so it is safe to divide by.
  const squares = [
    1 + at(0, 0) + at(1, 1) + at(2, 2),
    1 + at(0, 0) - at(1, 1) - at(2, 2),
    1 - at(0, 0) + at(1, 1) - at(2, 2),
    1 - at(0, 0) - at(1, 1) + at(2, 2),
  ];
  const largest = squares.indexOf(Math.max(...squares));
  const root = Math.sqrt(squares[largest] ?? 0) / 2;
  const [yz, zx, xy] = [at(2, 1) - at(1, 2), at(0, 2) - at(2, 0), at(1, 0) - at(0, 1)];
  const [sumYz, sumZx, sumXy] = [at(2, 1) + at(1, 2), at(0, 2) + at(2, 0), at(1, 0) + at(0, 1)];
  const f = 1 / (4 * root);
  if (largest === 0) return [root, yz * f, zx * f, xy * f];
  if (largest === 1) return [yz * f, root, sumXy * f, sumZx * f];
  if (largest === 2) return [zx * f, sumXy * f, root, sumYz * f];
  return [xy * f, sumZx * f, sumYz * f, root];
}

function product([aw, ax, ay, az]: Quaternion, [bw, bx, by, bz]: Quaternion): Quaternion {
  return [
    aw * bw - ax * bx - ay * by - az * bz,
    aw * bx + ax * bw + ay * bz - az * by,
    aw * by - ax * bz + ay * bw + az * bx,
    aw * bz + ax * by - ay * bx + az * bw,
  ];
}
