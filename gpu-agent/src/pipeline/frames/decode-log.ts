import type { Geometry, GeometryRun } from "./geometry.ts";

const PICTURE =
  /^\[showinfo@(decoded|written) @ [^\]]*\] \[info\] n: *\d+ pts: *(\S+) .*? sar:(\d+)\/(\d+) s:(\d+)x(\d+) i:(\S)/;
const TIME_BASE = /^\[showinfo@(decoded|written) @ [^\]]*\] \[info\] config in time_base: (\d+)\/(\d+)/;
const OTHER_INFO = /\] \[(?:info|verbose|debug)\] |^\[info\]/;

/** ffmpeg's report of a pass: the pictures that it decoded and those that it wrote. */
export class DecodeLog {
  /** Time stamps of the decoded pictures, in presentation order; null where ffmpeg knows none. */
  readonly stamps: (number | null)[] = [];
  /** Time stamps of the written pictures. */
  readonly written: (number | null)[] = [];
  /** Seconds per unit of the decoded pictures' time stamps. */
  unit = Number.NaN;
  /** The same for the written ones: filters may use other units. */
  writtenUnit = Number.NaN;
  /** The number of interlaced pictures among the decoded ones. */
  interlaced = 0;
  readonly #runs: { from: number; geometry: Geometry }[] = [];

  /** @returns whether the line is a report; all others are ffmpeg's messages */
  add(line: string): boolean {
    const picture = PICTURE.exec(line);
    if (picture) this.#addPicture(picture);
    else this.#addTimeBase(line);
    return picture !== null || OTHER_INFO.test(line);
  }

  runs(): GeometryRun[] {
    return this.#runs.map(({ from, geometry }, i) => ({
      from,
      to: this.#runs[i + 1]?.from ?? this.stamps.length,
      geometry,
    }));
  }

  #addPicture([, filter, pts, aspectWidth, aspectHeight, width, height, fields]: RegExpExecArray): void {
    const stamp = Number(pts);
    const list = filter === "decoded" ? this.stamps : this.written;
    list.push(Number.isNaN(stamp) ? null : stamp);
    if (filter !== "decoded") return;
    if (fields !== "P") this.interlaced++;
    const aspect = Number(aspectWidth) / Number(aspectHeight);
    this.#addGeometry(this.stamps.length - 1, {
      width: Number(width),
      height: Number(height),
      pixelAspect: aspect > 0 && Number.isFinite(aspect) ? aspect : 1,
    });
  }

  #addGeometry(from: number, geometry: Geometry): void {
    const last = this.#runs.at(-1)?.geometry;
    if (last === undefined || !sameGeometry(last, geometry)) this.#runs.push({ from, geometry });
  }

  #addTimeBase(line: string): void {
    const [, filter, numerator, denominator] = TIME_BASE.exec(line) ?? [];
    if (filter === "decoded") this.unit = Number(numerator) / Number(denominator);
    if (filter === "written") this.writtenUnit = Number(numerator) / Number(denominator);
  }
}

function sameGeometry(a: Geometry, b: Geometry): boolean {
  return a.width === b.width && a.height === b.height && a.pixelAspect === b.pixelAspect;
}
