/** 256 values that stand for many, in ascending order. */
export type Codebook = Float32Array;

const ENTRIES = 256;
const MAX_SAMPLES = 1 << 16;
const ROUNDS = 24;

/** The codebook of least squared error, nearly: Lloyd's algorithm in one dimension, on a sorted sample. */
export function codebookOf(values: Float32Array): Codebook {
  const step = Math.max(1, Math.floor(values.length / MAX_SAMPLES));
  const sorted = Float32Array.from(
    { length: Math.ceil(values.length / step) },
    (_, i) => values[i * step] as number,
  ).sort();
  const last = sorted.length - 1;
  const [low, high] = [sorted[0] ?? 0, sorted[last] ?? 0];
  // Half of the entries begin where most values are, the other half evenly, so that rare values have some too.
  const entries = Float32Array.from({ length: ENTRIES }, (_, i) => {
    const share = (i >> 1) / (ENTRIES / 2 - 1);
    return i % 2 === 0 ? (sorted[Math.round(share * last)] ?? 0) : low + share * (high - low);
  }).sort();
  for (let round = 0; round < ROUNDS; round++) {
    let at = 0;
    for (let entry = 0; entry < ENTRIES; entry++) {
      const isLast = entry === ENTRIES - 1;
      const end = isLast ? high : ((entries[entry] as number) + (entries[entry + 1] as number)) / 2;
      let [sum, count] = [0, 0];
      for (; at <= last && ((sorted[at] as number) <= end || isLast); at++) {
        sum += sorted[at] as number;
        count++;
      }
      if (count > 0) entries[entry] = sum / count;
    }
  }
  return entries.sort();
}

/** The index of the nearest entry for each value. */
export function encode(values: Float32Array, codebook: Codebook): Uint8Array {
  return Uint8Array.from(values, (value) => {
    let [low, high] = [0, ENTRIES - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((codebook[middle] as number) <= value) low = middle;
      else high = middle;
    }
    return value - (codebook[low] as number) <= (codebook[high] as number) - value ? low : high;
  });
}
