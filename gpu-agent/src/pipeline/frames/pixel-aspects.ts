import type { ShapeRun } from "./geometry.ts";
import { inputOptions, ratio } from "./probe.ts";

/** Containers of broadcasts and discs, whose pixel aspect ratio changes with the programme. */
const CHANGING = ["mpegts", "mpeg"];

/**
 * Prints the pixel aspect ratio of a stream's key pictures, and decodes only these. From version 7 on, ffmpeg's filters
 * report the first one for all pictures.
 *
 * @returns null for a container in which it does not change
 */
export function aspectArguments(url: string, container: string, stream: number): string[] | null {
  if (!CHANGING.includes(container)) return null;
  return [
    ...["-hide_banner", "-v", "error", ...inputOptions()],
    ...["-skip_frame", "nokey", "-select_streams", String(stream)],
    ...["-show_entries", "frame=best_effort_timestamp,sample_aspect_ratio"],
    ...["-of", "compact=p=0:nk=0", url],
  ];
}

/** The changes of the pixel aspect ratio within a stream. */
export class PixelAspects {
  /** The key pictures from which on it is another one, and the first one. */
  readonly #changes: { readonly stamp: number; readonly aspect: number }[] = [];

  /** Parses ffprobe's output for `aspectArguments`, line by line. */
  add(line: string): void {
    const stamp = /best_effort_timestamp=(\d+)/.exec(line)?.[1];
    const aspect = ratio(/sample_aspect_ratio=(\d+:\d+)/.exec(line)?.[1], ":") ?? 1;
    if (stamp === undefined || this.#changes.at(-1)?.aspect === aspect) return;
    this.#changes.push({ stamp: Number(stamp), aspect });
  }

  /** @param stamps of the decoded pictures, in the order of presentation */
  applyTo(runs: readonly ShapeRun[], stamps: readonly (number | null)[]): readonly ShapeRun[] {
    if (this.#changes.length < 2) return runs;
    const found: { from: number; aspect: number }[] = [];
    for (const { stamp, aspect } of this.#changes) {
      const from = stamps.indexOf(stamp, (found.at(-1)?.from ?? -1) + 1);
      if (from >= 0) found.push({ from, aspect });
    }
    return runs.flatMap((run) => {
      const inside = found.filter(({ from }) => from > run.from && from < run.to);
      const before = found.findLast(({ from }) => from <= run.from);
      const starts = [{ from: run.from, aspect: before?.aspect ?? run.shape.pixelAspect }, ...inside];
      return starts.map(({ from, aspect }, i) => ({
        from,
        to: starts[i + 1]?.from ?? run.to,
        shape: { ...run.shape, pixelAspect: aspect },
      }));
    });
  }
}
