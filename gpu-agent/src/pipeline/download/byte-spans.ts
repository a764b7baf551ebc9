/** A stretch of a file: the bytes from `from` up to, but not including, `to`. */
export interface ByteSpan {
  readonly from: number;
  readonly to: number;
}

/** Smaller spans are not worth another request. Kept small, because the last stream delays the whole download. */
export const MIN_SPLIT_BYTES = 256 * 1024;

/** Adds a span to `spans`, which are sorted and disjoint, and stay so. */
export function addSpan(spans: readonly ByteSpan[], { from, to }: ByteSpan): ByteSpan[] {
  if (from >= to) return [...spans];
  const touching = spans.filter((span) => span.from <= to && span.to >= from);
  const joined = {
    from: Math.min(from, ...touching.map((span) => span.from)),
    to: Math.max(to, ...touching.map((span) => span.to)),
  };
  return [...spans.filter((span) => !touching.includes(span)), joined].toSorted((a, b) => a.from - b.from);
}

export function bytesIn(spans: readonly ByteSpan[]): number {
  return spans.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** The number of bytes from the start of the file without a gap. */
export function prefixOf(spans: readonly ByteSpan[]): number {
  return spans[0]?.from === 0 ? spans[0].to : 0;
}

/** Where a stream at byte `at` must stop: at received bytes, or at another stream's position. */
export function limitOf(at: number, spans: readonly ByteSpan[], others: readonly number[]): number {
  if (spans.some(({ from, to }) => from <= at && at < to)) return at;
  const ahead = [...spans.map(({ from }) => from), ...others].filter((position) => position >= at);
  return Math.min(Number.POSITIVE_INFINITY, ...ahead);
}

/**
 * The span for one more stream: the longest one that no stream works on, or else the second half of the longest one
 * in work, if both halves are worth a request. So all streams end at about the same time, whatever their speeds.
 *
 * @param total size of the file
 * @param spans the received bytes
 * @param busy the positions of the running streams
 * @returns null when nothing is left that is worth a request
 */
export function nextSpan(
  total: number,
  spans: readonly ByteSpan[],
  busy: readonly number[],
): ByteSpan | null {
  const pieces = missing(total, spans).flatMap((gap) => cut(gap, busy));
  const longest = (among: readonly ByteSpan[]) =>
    among.toSorted((a, b) => b.to - b.from - (a.to - a.from))[0] ?? null;
  const free = longest(pieces.filter(({ from }) => !busy.includes(from)));
  if (free !== null) return free;
  const shared = longest(pieces);
  if (shared === null || shared.to - shared.from < 2 * MIN_SPLIT_BYTES) return null;
  return { from: Math.floor((shared.from + shared.to) / 2), to: shared.to };
}

function missing(total: number, spans: readonly ByteSpan[]): ByteSpan[] {
  const starts = [0, ...spans.map(({ to }) => to)];
  const ends = [...spans.map(({ from }) => from), total];
  return starts.flatMap((from, i): ByteSpan[] => {
    const to = ends[i] ?? total;
    return from < to ? [{ from, to }] : [];
  });
}

function cut(gap: ByteSpan, busy: readonly number[]): ByteSpan[] {
  const inside = busy.filter((at) => at > gap.from && at < gap.to).toSorted((a, b) => a - b);
  const edges = [gap.from, ...inside, gap.to];
  return edges.slice(1).map((to, i) => ({ from: edges[i] ?? gap.from, to }));
}
