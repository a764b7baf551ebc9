import type { Shape, ShapeRun } from "./geometry.ts";
import { nearestQuarter } from "./orientation.ts";
import { PACKED_EYES, type PackedEyes } from "./probe.ts";

/** The start of a line by one of our two `showinfo` filters. */
const PREFIX = /^\[showinfo@(decoded|written) @ [^\]]*\] \[info\] /;
/**
 * Another thread's message that is not finished yet: ffmpeg appends what comes next to the same line, and omits its
 * prefix. The lines of ffmpeg itself, which quote the file's titles, are always finished.
 */
const UNFINISHED = /^\[[^\]]* @ 0x[0-9a-f]+\] /;
const PICTURE = /n: *(\d+) pts: *(\S+) .*? sar:(\d+)\/(\d+) s:(\d+)x(\d+) i:(\S) iskey:(\d) type:/;
const TIME_BASE = /config in time_base: (\d+)\/(\d+)/;
const DISPLAY_MATRIX = /side data - (?:\S+ )?displaymatrix: rotation of (-?[\d.]+) degrees/;
const STEREO = /side data - (?:stereoscopic information|Stereo 3D): *type - (side by side|top and bottom)/i;
const LOOK_KINDS = ["topFirst", "bottomFirst", "progressive"] as const;
const LOOKS = /Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)/;
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
  /** How each picture holds the views of both eyes, by messages of the stream; null when it holds one view. */
  packedEyes: PackedEyes | null = null;
  /** The number of decoded pictures whose flag calls them interlaced. */
  interlaced = 0;
  /** How often such a flag names another field than that of the picture before. */
  alternations = 0;
  /** The numbers of pictures that look interlaced, by the field that comes first, and that do not. */
  readonly looks = { topFirst: 0, bottomFirst: 0, progressive: 0 };
  /** The key pictures among the decoded ones, by number. */
  readonly keys: number[] = [];
  /** The turns, in degrees clockwise, that some pictures' display matrices declare. */
  readonly turns = new Set<number>();
  /**
   * Whether ffmpeg restarted its filters within the video, as versions 5.0 to 6.1 do when a display matrix appears or
   * disappears. Filters that count pictures then begin again at 0.
   */
  restarted = false;
  /** The first picture since ffmpeg started its filters. */
  #firstDecoded = 0;
  /** The filter that reports its time base next. */
  #expected: "decoded" | "written" = "decoded";
  #fields: string | undefined;
  readonly #runs: { from: number; shape: Shape }[] = [];

  /** @returns whether the line is a report; all others are ffmpeg's messages */
  add(line: string): boolean {
    const filter = PREFIX.exec(line)?.[1];
    if (filter === undefined && !UNFINISHED.test(line)) return OTHER_INFO.test(line);
    const [, number, ...picture] = PICTURE.exec(line) ?? [];
    if (number !== undefined) {
      this.#addPicture(filter ?? this.#filterAt(Number(number)), picture);
      return true;
    }
    const [, ...looks] = LOOKS.exec(line) ?? [];
    for (const [i, kind] of LOOK_KINDS.entries()) this.looks[kind] += Number(looks[i] ?? 0);
    const [, numerator, denominator] = TIME_BASE.exec(line) ?? [];
    if (numerator !== undefined) this.#addTimeBase(filter, Number(numerator) / Number(denominator));
    else this.#addSideData(line);
    return OTHER_INFO.test(line);
  }

  /** The stretches of pictures of one size and pixel aspect ratio. */
  runs(): ShapeRun[] {
    return this.#runs.map(({ from, shape }, i) => ({
      from,
      to: this.#runs[i + 1]?.from ?? this.stamps.length,
      shape,
    }));
  }

  /** Which filter's next picture has this number. Each picture is decoded before it is written. */
  #filterAt(number: number): string {
    return number === this.stamps.length - this.#firstDecoded ? "decoded" : "written";
  }

  #addPicture(filter: string, [pts, ...picture]: readonly string[]): void {
    const stamp = Number(pts);
    const list = filter === "decoded" ? this.stamps : this.written;
    list.push(Number.isNaN(stamp) ? null : stamp);
    if (filter !== "decoded") return;
    const [aspectWidth, aspectHeight, width, height, fields, isKey] = picture;
    if (fields !== "P") this.interlaced++;
    if (fields !== "P" && fields !== this.#fields) this.alternations++;
    this.#fields = fields;
    if (isKey === "1") this.keys.push(this.stamps.length - 1);
    const aspect = Number(aspectWidth) / Number(aspectHeight);
    this.#addShape(this.stamps.length - 1, {
      width: Number(width),
      height: Number(height),
      pixelAspect: aspect > 0 && Number.isFinite(aspect) ? aspect : 1,
    });
  }

  #addShape(from: number, shape: Shape): void {
    const last = this.#runs.at(-1)?.shape;
    if (last === undefined || !sameShape(last, shape)) this.#runs.push({ from, shape });
  }

  #addSideData(line: string): void {
    const packing = STEREO.exec(line)?.[1];
    this.packedEyes ??= PACKED_EYES.find((kind) => kind === packing) ?? null;
    const anticlockwise = DISPLAY_MATRIX.exec(line)?.[1];
    if (anticlockwise !== undefined) this.turns.add(nearestQuarter(-Number(anticlockwise)));
  }

  /** @param filter undefined when its name is lost: the filters report in the order of the graph */
  #addTimeBase(filter: string | undefined, unit: number): void {
    if ((filter ?? this.#expected) === "written") {
      this.writtenUnit = unit;
      this.#expected = "decoded";
      return;
    }
    this.restarted ||= !Number.isNaN(this.unit);
    this.unit = unit;
    this.#firstDecoded = this.stamps.length;
    this.#expected = "written";
  }
}

function sameShape(a: Shape, b: Shape): boolean {
  return a.width === b.width && a.height === b.height && a.pixelAspect === b.pixelAspect;
}
