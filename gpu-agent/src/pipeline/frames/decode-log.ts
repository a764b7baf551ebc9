import type { Geometry, GeometryRun } from "./geometry.ts";

const PICTURE =
  /^\[showinfo@(decoded|written) @ [^\]]*\] \[info\] n: *\d+ pts: *(\S+) .*? sar:(\d+)\/(\d+) s:(\d+)x(\d+) i:(\S)/;
const TIME_BASE = /^\[showinfo@decoded @ [^\]]*\] \[info\] config in time_base: (\d+)\/(\d+)/;
const ROTATION = /^\[showinfo@decoded @ [^\]]*\] \[info\] +side data - displaymatrix: rotation of (-?[\d.]+)/;
const OTHER_INFO = /\] \[(?:info|verbose|debug)\] |^\[info\]/;

/** What ffmpeg reports of a pass: the pictures that it decoded, and those that it wrote. */
export class DecodeLog {
  /** Of the decoded pictures, in the order of presentation; null where ffmpeg knows none. */
  readonly stamps: (number | null)[] = [];
  /** Of the written pictures. */
  readonly written: (number | null)[] = [];
  /** Seconds per unit of the time stamps. */
  unit = Number.NaN;
  /** How many of the decoded pictures are made of two fields. */
  interlaced = 0;
  readonly #runs: { from: number; geometry: Geometry }[] = [];

  /** @returns whether the line is a report; all others are ffmpeg's messages */
  add(line: string): boolean {
    const picture = PICTURE.exec(line);
    if (picture) this.#addPicture(picture);
    else this.#addDetail(line);
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
      clockwiseDegrees: null,
    });
  }

  #addGeometry(from: number, geometry: Geometry): void {
    const last = this.#runs.at(-1)?.geometry;
    if (last === undefined || !sameGeometry(last, geometry)) this.#runs.push({ from, geometry });
  }

  #addDetail(line: string): void {
    const [, numerator, denominator] = TIME_BASE.exec(line) ?? [];
    if (numerator !== undefined) this.unit = Number(numerator) / Number(denominator);
    const [, degrees] = ROTATION.exec(line) ?? [];
    const run = this.#runs.at(-1);
    const picture = this.stamps.length - 1;
    if (degrees === undefined || run === undefined) return;
    // ffmpeg's rotation is counter-clockwise. The line follows its picture's.
    const geometry = { ...run.geometry, clockwiseDegrees: -Number(degrees) };
    if (run.from === picture) {
      this.#runs.pop();
      this.#addGeometry(picture, geometry);
    } else if (run.geometry.clockwiseDegrees !== geometry.clockwiseDegrees) {
      this.#addGeometry(picture, geometry);
    }
  }
}

function sameGeometry(a: Geometry, b: Geometry): boolean {
  return (
    a.width === b.width &&
    a.height === b.height &&
    a.pixelAspect === b.pixelAspect &&
    a.clockwiseDegrees === b.clockwiseDegrees
  );
}
