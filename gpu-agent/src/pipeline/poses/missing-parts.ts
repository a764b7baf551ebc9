import type { MissingStretch } from "@splatt/shared";

/** A video, or one of several, and when its frames were filmed. */
export interface FilmedFrames {
  /** Null for the only one. */
  readonly video: string | null;
  /** The frames' file names, and their times in seconds, in order. */
  readonly names: readonly string[];
  readonly times: readonly number[];
}

/** How many ranges of a video are listed: the longest. */
const MOST = 16;

/**
 * The ranges of the videos without placed frames, in order.
 *
 * @param placed names of the frames in the model
 */
export function missingStretches(
  films: readonly FilmedFrames[],
  placed: ReadonlySet<string>,
): MissingStretch[] {
  return films.flatMap(({ video, names, times }) => {
    const stretches: MissingStretch[] = [];
    let from = 0;
    for (let i = 0; i <= names.length; i++) {
      const isMissing = i < names.length && !placed.has(names[i] ?? "");
      if (isMissing) continue;
      if (i > from) {
        stretches.push({
          ...(video === null ? {} : { video }),
          from_sec: rounded(times[from] ?? 0),
          to_sec: i === names.length ? null : rounded(times[i] ?? 0),
          frames: i - from,
        });
      }
      from = i + 1;
    }
    return longest(stretches, MOST);
  });
}

/** Those with the most frames, in their order. */
export function longest(stretches: readonly MissingStretch[], most: number): MissingStretch[] {
  const chosen = new Set(stretches.toSorted((a, b) => b.frames - a.frames).slice(0, most));
  return stretches.filter((stretch) => chosen.has(stretch));
}

function rounded(seconds: number): number {
  return Math.round(100 * seconds) / 100;
}

/** "from 3.0 s to 5.5 s" */
export function stretchText({ from_sec, to_sec }: MissingStretch): string {
  return `from ${from_sec.toFixed(1)} s to ${to_sec === null ? "the end" : `${to_sec.toFixed(1)} s`}`;
}

/** "a", "a and b", or "a, b and c" */
export function enumerated(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}
