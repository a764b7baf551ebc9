import type { GreySize } from "./sharpness.ts";

/** Levels of 255 by which a bar may differ from its colour: encoder noise. */
const BAR_NOISE = 10;
/** The same for a drawn, not filmed bar. */
const PURE_NOISE = 2;
/** Levels of 255: black, even in a video that declares the wrong range. */
const BLACK = 24;
/** The share of a bar's pixels that may deviate more. */
const MAX_OUTLIERS = 0.005;
/** The share of the first inner line that some picture must light up; otherwise the scene is dark, not barred. */
const MIN_EDGE = 0.6;
/** The least width of a bar, as a share of the picture's side. Narrower borders are left alone. */
const MIN_BAR = 0.01;
/** By how much two opposite bars may differ, as a share of the picture's side. */
const MAX_ASYMMETRY = 0.02;
/** The share of each side that must remain after cropping. */
const MIN_REMAINDER = 0.25;

export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

interface Bar {
  readonly lines: number;
  readonly black: boolean;
  readonly pure: boolean;
}

const NO_BAR: Bar = { lines: 0, black: false, pure: false };

/**
 * Finds letterbox and pillarbox bars: borders of one colour, constant over all pictures, with a straight edge along
 * their whole length. The dark sky of a night scene has no such edge. Bars are black and come in equal pairs. A border
 * that is not must be a drawn one, because cropping a real picture on one side would move the optical axis off centre.
 */
export class BarDetector {
  readonly #size: GreySize;
  readonly #darkest: Uint8Array;
  readonly #brightest: Uint8Array;

  constructor(size: GreySize) {
    this.#size = size;
    this.#darkest = new Uint8Array(size.width * size.height).fill(255);
    this.#brightest = new Uint8Array(size.width * size.height);
  }

  /** @param grey one byte per pixel, row by row */
  add(grey: Uint8Array): void {
    for (let i = 0; i < grey.length; i++) {
      const level = grey[i] ?? 0;
      if (level < (this.#darkest[i] ?? 0)) this.#darkest[i] = level;
      if (level > (this.#brightest[i] ?? 0)) this.#brightest[i] = level;
    }
  }

  /** @returns the picture between the bars, or null when there are none */
  find(): Rectangle | null {
    const { width, height } = this.#size;
    const [top, bottom] = pair(
      height,
      this.#bar(height, width, (line, along) => line * width + along),
      this.#bar(height, width, (line, along) => (height - 1 - line) * width + along),
    );
    // Only between a letterbox's bars: within them the columns are dark too.
    const rows = height - top - bottom;
    const [left, right] = pair(
      width,
      this.#bar(width, rows, (line, along) => (top + along) * width + line),
      this.#bar(width, rows, (line, along) => (top + along) * width + (width - 1 - line)),
    );
    const found = { left, top, width: width - left - right, height: rows };
    if (found.width === width && found.height === height) return null;
    const enough = found.width >= MIN_REMAINDER * width && found.height >= MIN_REMAINDER * height;
    return enough ? found : null;
  }

  /**
   * @param lines the number of lines from this edge to the opposite one
   * @param length pixels in a line
   * @param at the index of a pixel, by its line's distance from the edge
   * @returns the bar at this edge
   */
  #bar(lines: number, length: number, at: (line: number, along: number) => number): Bar {
    const colour = this.#medianOfLine(length, (along) => at(0, along));
    const noise = (pixel: number) =>
      Math.max(colour - (this.#darkest[pixel] ?? 0), (this.#brightest[pixel] ?? 0) - colour);
    const differs = (pixel: number) => noise(pixel) > BAR_NOISE;
    const differing = (line: number) => {
      let count = 0;
      for (let along = 0; along < length; along++) if (differs(at(line, along))) count++;
      return count;
    };
    let bar = 0;
    while (bar < lines && differing(bar) <= MAX_OUTLIERS * length) bar++;
    if (bar < MIN_BAR * lines || bar === lines) return NO_BAR;
    // Bars on the other two sides shorten the edge: only pixels along it that ever light up count.
    let extent = 0;
    for (let along = 0; along < length; along++) {
      for (let line = bar; line < lines; line++) {
        if (!differs(at(line, along))) continue;
        extent++;
        break;
      }
    }
    // The line at the edge may be half bar, half picture; crop it with the bar.
    const inside = Math.min(bar + 1, lines - 1);
    if (Math.max(differing(bar), differing(inside)) < MIN_EDGE * extent) return NO_BAR;
    let pure = true;
    for (let line = 0; line < bar - 1; line++) {
      for (let along = 0; along < length; along++) pure &&= noise(at(line, along)) <= PURE_NOISE;
    }
    return { lines: inside, black: colour <= BLACK, pure };
  }

  #medianOfLine(length: number, at: (along: number) => number): number {
    const levels = new Uint8Array(length).map((_, along) => this.#brightest[at(along)] ?? 0).sort();
    return levels[length >> 1] ?? 0;
  }
}

/** @returns how many lines of two opposite bars to crop */
function pair(lines: number, one: Bar, other: Bar): [one: number, other: number] {
  const equal =
    one.lines > 0 &&
    other.lines > 0 &&
    Math.abs(one.lines - other.lines) <= Math.max(2, MAX_ASYMMETRY * lines);
  const accepted = ({ black, pure }: Bar) => (equal ? black || pure : black && pure);
  return [accepted(one) ? one.lines : 0, accepted(other) ? other.lines : 0];
}

/** The same rectangle in pixels of the full picture, on even coordinates and never outside it. */
export function enlarge(
  found: Rectangle,
  grey: GreySize,
  full: { readonly width: number; readonly height: number },
): Rectangle {
  const span = (from: number, length: number, scale: number) => {
    const start = 2 * Math.max(0, Math.ceil((from * scale) / 2 - 1e-6));
    return { start, length: Math.max(2, 2 * Math.floor(((from + length) * scale - start) / 2 + 1e-6)) };
  };
  const across = span(found.left, found.width, full.width / grey.width);
  const down = span(found.top, found.height, full.height / grey.height);
  return { left: across.start, top: down.start, width: across.length, height: down.length };
}
