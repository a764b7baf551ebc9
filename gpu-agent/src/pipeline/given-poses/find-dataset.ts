/** Where an archive holds camera poses. All numbers are indices of its entries. */
export type DatasetFiles =
  | { readonly kind: "transforms"; readonly file: number }
  | {
      readonly kind: "colmap";
      readonly format: "bin" | "txt";
      readonly cameras: number;
      readonly images: number;
      readonly points: number | null;
    };

/** Finds nerfstudio's transforms.json or, without one, a COLMAP model. Of several, the one nearest to the root. */
export function findDataset(paths: ReadonlyMap<number, string>): DatasetFiles | null {
  const nearest = (name: string) => byDepth(paths, name)[0]?.[0] ?? null;
  const file = nearest("transforms.json");
  if (file !== null) return { kind: "transforms", file };
  for (const format of ["bin", "txt"] as const) {
    for (const [cameras, path] of byDepth(paths, `cameras.${format}`)) {
      const beside = (name: string) => {
        const wanted = `${path.slice(0, path.lastIndexOf("/") + 1)}${name}.${format}`;
        return [...paths].find(([, other]) => other === wanted)?.[0] ?? null;
      };
      const images = beside("images");
      if (images !== null) return { kind: "colmap", format, cameras, images, points: beside("points3D") };
    }
  }
  return null;
}

/** The entries with a file name, those nearest to the root first; of COLMAP's models, 0 before 1. */
function byDepth(paths: ReadonlyMap<number, string>, name: string): [number, string][] {
  const depth = (path: string) => path.split("/").length;
  return [...paths]
    .filter(([, path]) => path === name || path.endsWith(`/${name}`))
    .toSorted(([, a], [, b]) => depth(a) - depth(b) || (a < b ? -1 : 1));
}

/**
 * Finds the images that a dataset names. Names are only looked up in the archive's listing, so none can lead out of it.
 *
 * @param dir the folder of the file that names them, with a slash at its end, or ""
 * @param images paths of the archive's images
 * @returns for a name, the path in the archive; null when it is missing
 */
export function imageFinder(dir: string, images: Iterable<string>): Find {
  const paths = [...images];
  const exactly = finderBy(comparable, dir, paths);
  // On Windows and on most Macs, names that differ in their case are the same.
  const roughly = finderBy((path) => comparable(path).toLowerCase(), dir, paths);
  return (name) => exactly(name) ?? roughly(name);
}

type Find = (name: string) => string | null;

function finderBy(keyOf: (path: string) => string, dir: string, images: readonly string[]): Find {
  const known = new Map<string, string>();
  const byFileName = new Map<string, string[]>();
  for (const path of images) {
    const key = keyOf(path);
    known.set(key, path);
    const base = fileName(key);
    byFileName.set(base, [...(byFileName.get(base) ?? []), key]);
  }
  return (name) => {
    const asked = keyOf(name);
    const wanted = resolved(keyOf(dir), asked);
    for (const extension of ["", ".png", ".jpg", ".jpeg", ".JPG"]) {
      const path = wanted === null ? undefined : known.get(wanted + extension);
      if (path !== undefined) return path;
    }
    for (const tail of tailsOf(asked)) {
      const matches = (byFileName.get(fileName(tail)) ?? []).filter(
        (path) => path === tail || path.endsWith(`/${tail}`),
      );
      const usual = matches.filter((path) => `/${path}`.includes(`/images/${tail}`));
      const [found, ...others] = usual.length > 0 ? usual : matches;
      if (found !== undefined) return others.length === 0 ? (known.get(found) ?? null) : null;
    }
    return null;
  };
}

/**
 * What the path of an image may end with. COLMAP names images relative to a folder that the model does not name; it is
 * usually called images. An absolute path is of the machine that made the dataset: its end decides, the longest first.
 */
function tailsOf(name: string): string[] {
  const isAbsolute = /^(?:[a-z]:)?\//i.test(name);
  const parts = name.split("/").filter((part, i) => part !== "" && !(part === "." && i === 0));
  return isAbsolute ? parts.map((_, from) => parts.slice(from).join("/")) : [parts.join("/")];
}

/** Archives made on a Mac spell ä as a and a diaeresis, and Windows separates folders by backslashes. */
function comparable(path: string): string {
  return path.normalize("NFC").replaceAll("\\", "/");
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** @returns null for a path that leads out of the archive */
function resolved(dir: string, name: string): string | null {
  const parts: string[] = [];
  for (const part of `${dir}${name}`.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  return parts.join("/");
}
