/** Vectors that stand for many others, and which one stands for each. */
export interface Palette {
  /** One after another. */
  readonly centroids: Float32Array;
  readonly count: number;
  readonly labels: Uint16Array;
}

/** Clusters that a node of the tree is divided into. */
const BRANCHES = 16;
/** Vectors that decide how a large node is divided. */
const MAX_SAMPLES = 1024;
const ROUNDS = 4;

/** A range of `order`, to be divided into `clusters`. */
interface Node {
  readonly start: number;
  readonly end: number;
  readonly clusters: number;
}

/**
 * Clusters vectors by a tree of k-means: each node is divided into up to sixteen, and its clusters are dealt out by the
 * squared error that each part has left. That compares a vector with 16 means at each of four levels in place of 65,536
 * at once, and loses little quality, because there are many dimensions.
 *
 * @param vectors one after another, `dimensions` numbers each
 * @param clusters at most 65,536
 */
export function paletteOf(vectors: Float32Array, dimensions: number, clusters: number): Palette {
  const total = vectors.length / dimensions;
  const order = Uint32Array.from({ length: total }, (_, i) => i);
  const spare = new Uint32Array(total);
  const children = new Uint8Array(total);
  const centroids = new Float32Array(Math.min(clusters, total) * dimensions);
  const labels = new Uint16Array(total);
  let count = 0;
  const finish = (start: number, end: number) => {
    centroids.set(meanOf(vectors, dimensions, order, start, end), count * dimensions);
    for (let i = start; i < end; i++) labels[order[i] as number] = count;
    count++;
  };

  const open: Node[] = total === 0 ? [] : [{ start: 0, end: total, clusters: Math.min(clusters, total) }];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const { start, end } = node;
    if (node.clusters === 1) {
      finish(start, end);
      continue;
    }
    if (node.clusters >= end - start) {
      for (let i = start; i < end; i++) finish(i, i + 1);
      continue;
    }
    const branches = Math.min(BRANCHES, node.clusters);
    const means = divide(vectors, dimensions, order, node, branches);
    const { counts, errors } = assign(vectors, dimensions, order, node, means, children);
    // A counting sort by child.
    const starts = Array.from(counts);
    let at = start;
    for (const [child, members] of counts.entries()) {
      starts[child] = at;
      at += members;
    }
    const cursors = starts.slice();
    for (let i = start; i < end; i++) {
      const child = children[i] as number;
      const place = cursors[child] as number;
      cursors[child] = place + 1;
      spare[place] = order[i] as number;
    }
    order.set(spare.subarray(start, end), start);
    const shares = deal(node.clusters, counts, errors);
    for (const [child, members] of counts.entries()) {
      if (members === 0) continue;
      const from = starts[child] as number;
      open.push({ start: from, end: from + members, clusters: shares[child] as number });
    }
  }
  return { centroids: centroids.subarray(0, count * dimensions), count, labels };
}

/** The means of a node's parts, by Lloyd's algorithm on a sample of its vectors. */
function divide(
  vectors: Float32Array,
  dimensions: number,
  order: Uint32Array,
  { start, end }: Node,
  branches: number,
): Float32Array {
  const samples = Math.min(MAX_SAMPLES, end - start);
  const step = (end - start) / samples;
  const sample = Uint32Array.from(
    { length: samples },
    (_, i) => order[start + Math.floor(i * step)] as number,
  );
  const means = new Float32Array(branches * dimensions);
  for (let branch = 0; branch < branches; branch++) {
    const vector = (sample[Math.floor(((branch + 0.5) * samples) / branches)] as number) * dimensions;
    means.set(vectors.subarray(vector, vector + dimensions), branch * dimensions);
  }
  const nearest = new Uint8Array(samples);
  for (let round = 0; round < ROUNDS; round++) {
    const { counts } = assign(vectors, dimensions, sample, { start: 0, end: samples }, means, nearest);
    means.fill(0);
    for (let i = 0; i < samples; i++) {
      const [from, to] = [(sample[i] as number) * dimensions, (nearest[i] as number) * dimensions];
      for (let d = 0; d < dimensions; d++)
        means[to + d] = (means[to + d] as number) + (vectors[from + d] as number);
    }
    for (let branch = 0; branch < branches; branch++) {
      const members = counts[branch] as number;
      if (members === 0) {
        // An empty part begins again at some vector.
        const vector = (sample[(branch * 7919 + round * 104_729) % samples] as number) * dimensions;
        means.set(vectors.subarray(vector, vector + dimensions), branch * dimensions);
        continue;
      }
      for (let d = 0; d < dimensions; d++) {
        means[branch * dimensions + d] = (means[branch * dimensions + d] as number) / members;
      }
    }
  }
  return means;
}

/** Finds the nearest mean of each vector of a range. @returns how many each mean has, and their squared error */
function assign(
  vectors: Float32Array,
  dimensions: number,
  order: Uint32Array,
  { start, end }: { readonly start: number; readonly end: number },
  means: Float32Array,
  nearest: Uint8Array,
): { counts: Uint32Array; errors: Float64Array } {
  const branches = means.length / dimensions;
  const counts = new Uint32Array(branches);
  const errors = new Float64Array(branches);
  for (let i = start; i < end; i++) {
    const from = (order[i] as number) * dimensions;
    let best = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let branch = 0; branch < branches; branch++) {
      const mean = branch * dimensions;
      let distance = 0;
      for (let d = 0; d < dimensions && distance < least; d++) {
        const difference = (vectors[from + d] as number) - (means[mean + d] as number);
        distance += difference * difference;
      }
      if (distance < least) {
        least = distance;
        best = branch;
      }
    }
    nearest[i] = best;
    counts[best] = (counts[best] as number) + 1;
    errors[best] = (errors[best] as number) + least;
  }
  return { counts, errors };
}

/**
 * Deals clusters to parts in proportion to their error: at least one to each that has vectors, at most one per vector.
 */
function deal(clusters: number, counts: Uint32Array, errors: Float64Array): number[] {
  const shares = Array.from(counts, (members): number => (members > 0 ? 1 : 0));
  let left = clusters - shares.reduce((sum, share) => sum + share, 0);
  while (left > 0) {
    const open = shares.map((share, i) => (share < (counts[i] as number) ? (errors[i] as number) : 0));
    const total = open.reduce((sum, error) => sum + error, 0);
    if (total <= 0) break;
    let dealt = 0;
    for (const [i, error] of open.entries()) {
      const room = (counts[i] as number) - (shares[i] as number);
      const more = Math.min(room, Math.floor((left * error) / total));
      shares[i] = (shares[i] as number) + more;
      dealt += more;
    }
    if (dealt === 0) {
      // Less than one for each: the part with the largest error has it.
      const neediest = open.indexOf(Math.max(...open));
      shares[neediest] = (shares[neediest] as number) + 1;
      dealt = 1;
    }
    left -= dealt;
  }
  return shares;
}

function meanOf(
  vectors: Float32Array,
  dimensions: number,
  order: Uint32Array,
  start: number,
  end: number,
): Float64Array {
  const mean = new Float64Array(dimensions);
  for (let i = start; i < end; i++) {
    const from = (order[i] as number) * dimensions;
    for (let d = 0; d < dimensions; d++) mean[d] = (mean[d] as number) + (vectors[from + d] as number);
  }
  return mean.map((sum) => sum / (end - start));
}
