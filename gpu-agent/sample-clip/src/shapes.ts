/**
 * The solids that the sample scene is built of, with exact ray intersections. World axes: x right, y away
 * from the viewer, z up; one unit is about a hand's width.
 */

/** Where a texture coordinate lies on a surface. */
export interface SurfacePoint {
  x: number;
  y: number;
  z: number;
  nx: number;
  ny: number;
  nz: number;
}

/** The hit of a ray. `u` and `v` run from 0 to 1 over the face, `v` downwards. */
export interface Hit {
  t: number;
  shape: number;
  face: number;
  u: number;
  v: number;
  /** Cosine between the surface's normal and the direction back along the ray. */
  cosine: number;
}

/** How wide and high a face is, in world units. */
export interface FaceSize {
  readonly width: number;
  readonly height: number;
}

export interface Shape {
  readonly faces: readonly FaceSize[];
  /** A sphere around the shape: centre and radius. The room has an infinite one. */
  readonly bound: { readonly x: number; readonly y: number; readonly z: number; readonly radius: number };
  /** Sets `hit` and returns true if the ray meets this shape nearer than `hit.t`. The direction has length 1. */
  intersect(
    ox: number,
    oy: number,
    oz: number,
    dx: number,
    dy: number,
    dz: number,
    hit: Hit,
    index: number,
  ): boolean;
  pointAt(face: number, u: number, v: number, out: SurfacePoint): void;
}

/** Rays shorter than this start on the surface that they would hit. */
const NEAREST = 1e-4;

export const BOX_FACES = { left: 0, right: 1, front: 2, back: 3, bottom: 4, top: 5 } as const;

/**
 * A box turned about the vertical axis, or a room seen from inside. Faces as in `BOX_FACES`; their
 * pictures are not mirrored for a viewer.
 */
export function box(
  centre: readonly [number, number, number],
  size: readonly [number, number, number],
  turnDegrees = 0,
  inside = false,
): Shape {
  const [cx, cy, cz] = centre;
  const hx = size[0] / 2;
  const hy = size[1] / 2;
  const hz = size[2] / 2;
  const cos = Math.cos((turnDegrees * Math.PI) / 180);
  const sin = Math.sin((turnDegrees * Math.PI) / 180);
  const flip = inside ? -1 : 1;
  return {
    faces: [
      { width: size[1], height: size[2] },
      { width: size[1], height: size[2] },
      { width: size[0], height: size[2] },
      { width: size[0], height: size[2] },
      { width: size[0], height: size[1] },
      { width: size[0], height: size[1] },
    ],
    bound: { x: cx, y: cy, z: cz, radius: inside ? Infinity : Math.hypot(hx, hy, hz) },
    intersect(ox, oy, oz, dx, dy, dz, hit, index) {
      const px = cos * (ox - cx) + sin * (oy - cy);
      const py = cos * (oy - cy) - sin * (ox - cx);
      const pz = oz - cz;
      const qx = cos * dx + sin * dy;
      const qy = cos * dy - sin * dx;
      const ix = 1 / qx;
      const iy = 1 / qy;
      const iz = 1 / dz;
      const nearX = (-Math.sign(ix) * hx - px) * ix;
      const farX = (Math.sign(ix) * hx - px) * ix;
      const nearY = (-Math.sign(iy) * hy - py) * iy;
      const farY = (Math.sign(iy) * hy - py) * iy;
      const nearZ = (-Math.sign(iz) * hz - pz) * iz;
      const farZ = (Math.sign(iz) * hz - pz) * iz;
      const enter = Math.max(nearX, nearY, nearZ);
      const leave = Math.min(farX, farY, farZ);
      if (!(enter <= leave)) return false;
      const t = inside ? leave : enter;
      if (t < NEAREST || t >= hit.t) return false;
      const x = (px + qx * t) / hx;
      const y = (py + qy * t) / hy;
      const z = (pz + dz * t) / hz;
      hit.t = t;
      hit.shape = index;
      if (t === (inside ? farX : nearX)) {
        const side = x > 0 ? 1 : -1;
        hit.face = x > 0 ? BOX_FACES.right : BOX_FACES.left;
        hit.u = 0.5 + 0.5 * side * flip * y;
        hit.v = 0.5 - 0.5 * z;
        hit.cosine = Math.abs(qx);
      } else if (t === (inside ? farY : nearY)) {
        const side = y > 0 ? 1 : -1;
        hit.face = y > 0 ? BOX_FACES.back : BOX_FACES.front;
        hit.u = 0.5 - 0.5 * side * flip * x;
        hit.v = 0.5 - 0.5 * z;
        hit.cosine = Math.abs(qy);
      } else {
        hit.face = z > 0 ? BOX_FACES.top : BOX_FACES.bottom;
        hit.u = 0.5 + 0.5 * x;
        hit.v = 0.5 - 0.5 * y;
        hit.cosine = Math.abs(dz);
      }
      return true;
    },
    pointAt(face, u, v, out) {
      let x = 0;
      let y = 0;
      let z = 1 - 2 * v;
      let nx = 0;
      let ny = 0;
      let nz = 0;
      if (face === BOX_FACES.left || face === BOX_FACES.right) {
        nx = face === BOX_FACES.right ? 1 : -1;
        x = nx;
        y = (2 * u - 1) * nx * flip;
      } else if (face === BOX_FACES.front || face === BOX_FACES.back) {
        ny = face === BOX_FACES.back ? 1 : -1;
        y = ny;
        x = (1 - 2 * u) * ny * flip;
      } else {
        nz = face === BOX_FACES.top ? 1 : -1;
        x = 2 * u - 1;
        y = 1 - 2 * v;
        z = nz;
      }
      out.x = cx + cos * x * hx - sin * y * hy;
      out.y = cy + sin * x * hx + cos * y * hy;
      out.z = cz + z * hz;
      out.nx = flip * (cos * nx - sin * ny);
      out.ny = flip * (sin * nx + cos * ny);
      out.nz = flip * nz;
    },
  };
}

/** A ball; `u` is the longitude, `v` runs from the north pole to the south pole. */
export function sphere(centre: readonly [number, number, number], radius: number): Shape {
  const [cx, cy, cz] = centre;
  return {
    faces: [{ width: 2 * Math.PI * radius, height: Math.PI * radius }],
    bound: { x: cx, y: cy, z: cz, radius },
    intersect(ox, oy, oz, dx, dy, dz, hit, index) {
      const px = ox - cx;
      const py = oy - cy;
      const pz = oz - cz;
      const b = px * dx + py * dy + pz * dz;
      const discriminant = b * b - (px * px + py * py + pz * pz - radius * radius);
      if (discriminant < 0) return false;
      const t = -b - Math.sqrt(discriminant);
      if (t < NEAREST || t >= hit.t) return false;
      const x = (px + dx * t) / radius;
      const y = (py + dy * t) / radius;
      const z = (pz + dz * t) / radius;
      hit.t = t;
      hit.shape = index;
      hit.face = 0;
      hit.u = Math.atan2(y, x) / (2 * Math.PI) + 0.5;
      hit.v = Math.acos(Math.min(1, Math.max(-1, z))) / Math.PI;
      hit.cosine = -(x * dx + y * dy + z * dz);
      return true;
    },
    pointAt(_face, u, v, out) {
      const longitude = (u - 0.5) * 2 * Math.PI;
      out.nx = Math.cos(longitude) * Math.sin(v * Math.PI);
      out.ny = Math.sin(longitude) * Math.sin(v * Math.PI);
      out.nz = Math.cos(v * Math.PI);
      out.x = cx + out.nx * radius;
      out.y = cy + out.ny * radius;
      out.z = cz + out.nz * radius;
    },
  };
}

export const CYLINDER_FACES = { side: 0, top: 1 } as const;

/** An upright cone frustum, given by its foot, height and the radii below and above; open below. */
export function cylinder(
  foot: readonly [number, number, number],
  height: number,
  radius: number,
  topRadius = radius,
): Shape {
  const [cx, cy, cz] = foot;
  const slope = (topRadius - radius) / height;
  const wide = Math.max(radius, topRadius);
  const normalLength = Math.hypot(1, slope);
  return {
    faces: [
      { width: 2 * Math.PI * wide, height },
      { width: 2 * topRadius, height: 2 * topRadius },
    ],
    bound: { x: cx, y: cy, z: cz + height / 2, radius: Math.hypot(wide, height / 2) },
    intersect(ox, oy, oz, dx, dy, dz, hit, index) {
      const px = ox - cx;
      const py = oy - cy;
      const pz = oz - cz;
      let found = false;
      const r = radius + slope * pz;
      const a = dx * dx + dy * dy - slope * slope * dz * dz;
      const b = px * dx + py * dy - slope * dz * r;
      const discriminant = b * b - a * (px * px + py * py - r * r);
      if (discriminant >= 0 && a > 1e-12) {
        const t = (-b - Math.sqrt(discriminant)) / a;
        const z = pz + dz * t;
        if (t > NEAREST && t < hit.t && z >= 0 && z <= height) {
          const x = px + dx * t;
          const y = py + dy * t;
          const here = radius + slope * z;
          hit.t = t;
          hit.shape = index;
          hit.face = CYLINDER_FACES.side;
          hit.u = Math.atan2(y, x) / (2 * Math.PI) + 0.5;
          hit.v = 1 - z / height;
          hit.cosine = -((x * dx + y * dy) / here - slope * dz) / normalLength;
          found = true;
        }
      }
      const t = (height - pz) / dz;
      if (dz < 0 && t > NEAREST && t < hit.t) {
        const x = (px + dx * t) / topRadius;
        const y = (py + dy * t) / topRadius;
        if (x * x + y * y <= 1) {
          hit.t = t;
          hit.shape = index;
          hit.face = CYLINDER_FACES.top;
          hit.u = 0.5 + 0.5 * x;
          hit.v = 0.5 - 0.5 * y;
          hit.cosine = -dz;
          found = true;
        }
      }
      return found;
    },
    pointAt(face, u, v, out) {
      if (face === CYLINDER_FACES.top) {
        out.x = cx + (2 * u - 1) * topRadius;
        out.y = cy + (1 - 2 * v) * topRadius;
        out.z = cz + height;
        out.nx = 0;
        out.ny = 0;
        out.nz = 1;
        return;
      }
      const angle = (u - 0.5) * 2 * Math.PI;
      const z = (1 - v) * height;
      const here = radius + slope * z;
      out.x = cx + Math.cos(angle) * here;
      out.y = cy + Math.sin(angle) * here;
      out.z = cz + z;
      out.nx = Math.cos(angle) / normalLength;
      out.ny = Math.sin(angle) / normalLength;
      out.nz = -slope / normalLength;
    },
  };
}
