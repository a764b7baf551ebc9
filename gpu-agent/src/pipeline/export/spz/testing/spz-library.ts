import library, { type GaussianCloud, type SpzModule } from "@adobe/spz";
import { emptySplatCloud, restCoefficients, type SplatCloud } from "@splatt/formats";

/** The format's own library. Its package is an ES module but does not say so, so TypeScript expects another default. */
export function loadSpzLibrary(): Promise<SpzModule> {
  return (library as unknown as typeof library.default)();
}

/** Its quaternions begin with x, and the three channels of a coefficient are together. */
export function toSpz(cloud: SplatCloud): GaussianCloud {
  const { count, shDegree, rotations, rest } = cloud;
  const perChannel = restCoefficients(shDegree);
  return {
    numPoints: count,
    shDegree,
    antialiased: false,
    extensions: [],
    positions: cloud.positions,
    scales: cloud.logScales,
    alphas: cloud.opacities,
    colors: cloud.dc,
    rotations: rotations.map((_, i) => rotations[i - (i % 4) + ((i + 1) % 4)] as number),
    sh: rest.map((_, i) => rest[harmonicAt(i, perChannel)] as number),
  };
}

export function fromSpz(spz: GaussianCloud): SplatCloud {
  const cloud = emptySplatCloud(spz.numPoints, spz.shDegree);
  const perChannel = restCoefficients(spz.shDegree);
  cloud.positions.set(spz.positions);
  cloud.logScales.set(spz.scales);
  cloud.opacities.set(spz.alphas);
  cloud.dc.set(spz.colors);
  spz.rotations.forEach((value, i) => {
    cloud.rotations[i - (i % 4) + ((i + 1) % 4)] = value;
  });
  spz.sh.forEach((value, i) => {
    cloud.rest[harmonicAt(i, perChannel)] = value;
  });
  return cloud;
}

/** Where the library's i-th coefficient is in a `SplatCloud`. */
function harmonicAt(i: number, perChannel: number): number {
  const at = i % (3 * perChannel);
  return i - at + perChannel * (at % 3) + Math.floor(at / 3);
}
