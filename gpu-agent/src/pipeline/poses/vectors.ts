/** Vectors and 3×3 matrices (rows) of the pose geometry. */
export type Vector3 = readonly [number, number, number];
export type Matrix3 = readonly [Vector3, Vector3, Vector3];

export function add(a: Vector3, b: Vector3): Vector3 {
  return [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
}

export function subtract(a: Vector3, b: Vector3): Vector3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function scale(a: Vector3, factor: number): Vector3 {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

export function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function length(a: Vector3): number {
  return Math.hypot(a[0], a[1], a[2]);
}

/** The vector at length 1; a zero vector stays as it is. */
export function normalized(a: Vector3): Vector3 {
  const l = length(a);
  return l > 0 ? scale(a, 1 / l) : a;
}

export function apply(m: Matrix3, v: Vector3): Vector3 {
  return [dot(m[0], v), dot(m[1], v), dot(m[2], v)];
}

export function multiply(a: Matrix3, b: Matrix3): Matrix3 {
  const columns = transpose(b);
  return [apply(columns, a[0]), apply(columns, a[1]), apply(columns, a[2])];
}

export function transpose(m: Matrix3): Matrix3 {
  return [
    [m[0][0], m[1][0], m[2][0]],
    [m[0][1], m[1][1], m[2][1]],
    [m[0][2], m[1][2], m[2][2]],
  ];
}

/** The rotation of a quaternion w, x, y, z of any length but 0. */
export function rotationOf([w, x, y, z]: readonly [number, number, number, number]): Matrix3 {
  const s = 2 / (w * w + x * x + y * y + z * z);
  return [
    [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
    [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
    [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
  ];
}

/** The quaternion w, x, y, z of a rotation given by its rows (S. Shepperd, 1978). */
export function quaternionOf(m: Matrix3): readonly [number, number, number, number] {
  const [[a, b, c], [d, e, f], [g, h, i]] = m;
  const options = [
    [1 + a + e + i, h - f, c - g, d - b],
    [h - f, 1 + a - e - i, b + d, c + g],
    [c - g, b + d, 1 - a + e - i, f + h],
    [d - b, c + g, f + h, 1 - a - e + i],
  ] as const;
  const pivots = [options[0][0], options[1][1], options[2][2], options[3][3]];
  const best = options[pivots.indexOf(Math.max(...pivots))] ?? options[0];
  const l = Math.hypot(...best);
  return [best[0] / l, best[1] / l, best[2] / l, best[3] / l];
}

/** The smallest rotation that turns unit vector `from` to unit vector `to` (Rodrigues' formula). */
export function rotationBetween(from: Vector3, to: Vector3): Matrix3 {
  const c = dot(from, to);
  const axis = cross(from, to);
  const sine2 = dot(axis, axis);
  if (c < 0 && sine2 < 1e-24) {
    // Opposite vectors: half a turn about any axis square to them.
    const helper: Vector3 = Math.abs(from[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0];
    const [x, y, z] = normalized(cross(from, helper));
    return [
      [2 * x * x - 1, 2 * x * y, 2 * x * z],
      [2 * x * y, 2 * y * y - 1, 2 * y * z],
      [2 * x * z, 2 * y * z, 2 * z * z - 1],
    ];
  }
  const [x, y, z] = axis;
  // 1 / (1 + c), in a form that keeps its digits when c is near −1.
  const k = c < 0 ? (1 - c) / sine2 : 1 / (1 + c);
  return [
    [1 - k * (y * y + z * z), k * x * y - z, k * x * z + y],
    [k * x * y + z, 1 - k * (x * x + z * z), k * y * z - x],
    [k * x * z - y, k * y * z + x, 1 - k * (x * x + y * y)],
  ];
}

/** Eigenvalues, ascending, and unit eigenvectors of a symmetric matrix (Jacobi's method). */
export function symmetricEigen(m: Matrix3): { values: Vector3; vectors: Matrix3 } {
  const a = m.map((row) => [...row]) as [number[], number[], number[]];
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const get = (t: number[][], i: number, j: number) => t[i]?.[j] ?? 0;
  for (let sweep = 0; sweep < 50; sweep++) {
    if (Math.hypot(get(a, 0, 1), get(a, 0, 2), get(a, 1, 2)) < 1e-300) break;
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      if (get(a, p, q) === 0) continue;
      const theta = (get(a, q, q) - get(a, p, p)) / (2 * get(a, p, q));
      const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
      const c = 1 / Math.hypot(t, 1);
      const s = t * c;
      for (const table of [a, v]) {
        for (const row of table) {
          const [x, y] = [row[p] ?? 0, row[q] ?? 0];
          row[p] = c * x - s * y;
          row[q] = s * x + c * y;
        }
      }
      const [rowP, rowQ] = [a[p], a[q]];
      for (let k = 0; k < 3; k++) {
        const [x, y] = [rowP[k] ?? 0, rowQ[k] ?? 0];
        rowP[k] = c * x - s * y;
        rowQ[k] = s * x + c * y;
      }
    }
  }
  const pairs = ([0, 1, 2] as const)
    .map((i) => ({
      value: get(a, i, i),
      vector: [get(v, 0, i), get(v, 1, i), get(v, 2, i)] as const,
    }))
    .toSorted((x, y) => x.value - y.value);
  const [first, second, third] = pairs;
  if (!first || !second || !third) throw new Error("three rows give three eigenvalues");
  return {
    values: [first.value, second.value, third.value],
    vectors: [first.vector, second.vector, third.vector],
  };
}
