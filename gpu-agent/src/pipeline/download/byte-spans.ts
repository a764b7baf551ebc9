/** A stretch of a file: from its first byte up to the byte before `to`. */
export interface ByteSpan {
  readonly from: number;
  readonly to: number;
}

/** Less than this is not worth another request. Small, since what is not shared is waited for at the end. */
export const MIN_SPLIT_BYTES = 256 * 1024;

/** `spans` (in order, apart from each other) with one more, again in order and apart. */
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

/** How many bytes there are from the file's beginning without a gap. */
export function prefixOf(spans: readonly ByteSpan[]): number {
  return spans[0]?.from === 0 ? spans[0].to : 0;
}

/** Where a stream that is at byte `at` must stop: at what is there already, or what another stream fetches. */
export function limitOf(at: number, spans: readonly ByteSpan[], others: readonly number[]): number {
  if (spans.some(({ from, to }) => from <= at && at < to)) return at;
  const ahead = [...spans.map(({ from }) => from), ...others].filter((position) => position >= at);
  return Math.min(Number.POSITIVE_INFINITY, ...ahead);
}

/**
 * What one more stream should fetch: the longest stretch that nobody works on, or else the second half of the
 * longest that somebody does, if both halves are worth a request. So all streams end at about the same time,
 * however fast each of them is.
 *
 * @param total size of the file
 * @param spans what is there
 * @param busy where the streams at work are
 * @returns null when there is nothing (worth) to share
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
