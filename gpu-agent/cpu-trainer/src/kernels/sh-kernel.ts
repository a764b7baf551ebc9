import type { KernelBuilder } from "../wasm/kernel-builder.ts";
import type { F32x4 } from "../wasm/values.ts";
import { type Vec3, vec3 } from "./math.ts";
import { SH_C0, SH_C1, SH_C2, SH_C3, shCoefficients } from "./spherical-harmonics.ts";

/**
 * The real spherical harmonics up to `degree` in direction `d` (unit vectors), in the order and with the
 * signs of Kerbl et al. 2023, so that coefficients have the same meaning in every viewer.
 */
export function shBasis(k: KernelBuilder, degree: number, d: Vec3): F32x4[] {
  const [x, y, z] = d;
  const basis = [k.f32x4(SH_C0)];
  if (degree >= 1) basis.push(y.mul(-SH_C1), z.mul(SH_C1), x.mul(-SH_C1));
  if (degree >= 2) {
    const [xx, yy, zz] = [x.mul(x), y.mul(y), z.mul(z)];
    const difference = xx.sub(yy);
    basis.push(
      x.mul(y).mul(SH_C2.product),
      y.mul(z).mul(-SH_C2.product),
      zz.madd(3 * SH_C2.zonal, -SH_C2.zonal),
      x.mul(z).mul(-SH_C2.product),
      difference.mul(SH_C2.difference),
    );
    if (degree >= 3) {
      const tesseral = zz.madd(-5 * SH_C3.tesseral, SH_C3.tesseral);
      basis.push(
        y.mul(xx.madd(3, yy.neg())).mul(-SH_C3.sectoral),
        x.mul(y).mul(z).mul(SH_C3.product),
        y.mul(tesseral),
        z.mul(zz.madd(5 * SH_C3.zonal, -3 * SH_C3.zonal)),
        x.mul(tesseral),
        z.mul(difference).mul(SH_C3.difference),
        x.mul(yy.madd(-3, xx)).mul(-SH_C3.sectoral),
      );
    }
  }
  return basis.slice(0, shCoefficients(degree));
}

/**
 * Σ weights[i] · ∂basis[i]/∂d: how a weighted sum of the basis functions changes with the direction, as the
 * gradient of the polynomials above. Only its component perpendicular to `d` is meaningful; see `throughNormalisation`.
 */
export function shDirectionGradient(
  k: KernelBuilder,
  degree: number,
  d: Vec3,
  weights: readonly F32x4[],
): Vec3 {
  const [x, y, z] = d;
  let gradient: Vec3 = [k.f32x4(0), k.f32x4(0), k.f32x4(0)];
  const add = (index: number, scale: number, dx: F32x4 | null, dy: F32x4 | null, dz: F32x4 | null) => {
    const weight = (weights[index] as F32x4).mul(scale);
    const [before, derivative] = [gradient, [dx, dy, dz]];
    gradient = vec3((axis) => {
      const along = derivative[axis] ?? null;
      return along === null ? before[axis] : weight.madd(along, before[axis]);
    });
  };
  if (degree >= 1) {
    const one = k.f32x4(1);
    add(1, -SH_C1, null, one, null);
    add(2, SH_C1, null, null, one);
    add(3, -SH_C1, one, null, null);
  }
  if (degree >= 2) {
    add(4, SH_C2.product, y, x, null);
    add(5, -SH_C2.product, null, z, y);
    add(6, 6 * SH_C2.zonal, null, null, z);
    add(7, -SH_C2.product, z, null, x);
    add(8, 2 * SH_C2.difference, x, y.neg(), null);
  }
  if (degree >= 3) {
    const [xx, yy, zz] = [x.mul(x), y.mul(y), z.mul(z)];
    const [xy, yz, xz] = [x.mul(y), y.mul(z), x.mul(z)];
    const difference = xx.sub(yy);
    const band = zz.madd(5, -1);
    add(9, -3 * SH_C3.sectoral, xy.mul(2), difference, null);
    add(10, SH_C3.product, yz, xz, xy);
    add(11, -SH_C3.tesseral, null, band, yz.mul(10));
    add(12, SH_C3.zonal, null, null, zz.madd(15, -3));
    add(13, -SH_C3.tesseral, band, null, xz.mul(10));
    add(14, SH_C3.difference, xz.mul(2), yz.mul(-2), difference);
    add(15, -3 * SH_C3.sectoral, difference, xy.mul(-2), null);
  }
  return gradient;
}
