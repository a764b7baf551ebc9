import { ok, type Result } from "@splatt/shared";
import type { Place } from "./colmap-step.ts";
import { type ImageDescriptors, readDescriptors } from "./feature-database.ts";
import type { SimilarMatching } from "./settings.ts";

/*
 * Which photos may show the same thing, without a vocabulary file: each photo's features are summarised in one vector
 * (VLAD; Jégou et al., "Aggregating local descriptors into a compact image representation", 2010) whose words are
 * learned from the photos themselves.
 */

/** Numbers in a SIFT descriptor. */
const DIMENSIONS = 128;
const WORDS = 32;
const ROUNDS = 6;
/** Descriptors per photo, and of all photos to learn the words from. */
const SAMPLE_PER_PHOTO = 300;
const SAMPLE_TO_LEARN = 6000;

export interface ImageFacts {
  /** In order. */
  readonly names: readonly string[];
  readonly places: ReadonlyMap<string, Place>;
  /** The video that each image is from, by its name; none for photos. */
  readonly videoOf: ReadonlyMap<string, number>;
}

/** @returns pairs of image names, each once, or why the database cannot be read */
export function similarPairs(
  database: string,
  { names, places, videoOf }: ImageFacts,
  { alike, across, following, nearby }: SimilarMatching,
): Result<[string, string][], string> {
  const read = readDescriptors(database, SAMPLE_PER_PHOTO);
  if (!read.ok) return read;
  const byName = new Map(read.value.map((image) => [image.name, image]));
  const images = names.map(
    (name): ImageDescriptors => byName.get(name) ?? { name, descriptors: new Uint8Array() },
  );
  const vectors = summarise(images);
  const pairs = new Set<string>();
  const add = (a: number, b: number) => {
    if (a !== b) pairs.add(a < b ? `${a} ${b}` : `${b} ${a}`);
  };
  for (const a of names.keys()) {
    for (let b = a + 1; b <= a + following && b < names.length; b++) add(a, b);
    const vector = vectors[a];
    if (vector) {
      const likeness = vectors.map((other, b) =>
        other && b !== a ? product(vector, other) : Number.NEGATIVE_INFINITY,
      );
      const video = videoOf.get(names[a] ?? "");
      const among = (isWanted: (b: number) => boolean) =>
        likeness.map((value, b) => (isWanted(b) ? value : Number.NEGATIVE_INFINITY));
      const isOther = (b: number) => videoOf.get(names[b] ?? "") !== video;
      // Within a video the most alike are its neighbours, which are matched anyway.
      const isFar = (b: number) => video === undefined || Math.abs(b - a) > following;
      for (const b of largest(
        among((b) => !isOther(b) && isFar(b)),
        alike,
      ))
        add(a, b);
      for (const b of largest(among(isOther), across)) add(a, b);
    }
    const place = places.get(names[a] ?? "");
    if (place) {
      const nearness = names.map((name, b) => {
        const other = places.get(name);
        return other && b !== a
          ? -Math.hypot(...place.map((value, axis) => value - (other[axis] ?? 0)))
          : Number.NEGATIVE_INFINITY;
      });
      for (const b of largest(nearness, nearby)) add(a, b);
    }
  }
  return ok(
    Array.from(pairs, (pair): [string, string] => {
      const [a, b] = pair.split(" ").map(Number);
      return [names[a ?? 0] ?? "", names[b ?? 0] ?? ""];
    }),
  );
}

/** The indices of the `most` largest finite numbers. */
function largest(numbers: readonly number[], most: number): number[] {
  return numbers
    .flatMap((value, index) => (Number.isFinite(value) ? [{ value, index }] : []))
    .toSorted((a, b) => b.value - a.value)
    .slice(0, most)
    .map(({ index }) => index);
}

/** A vector of length 1 for each image; null without features. */
function summarise(images: readonly ImageDescriptors[]): (Float32Array | null)[] {
  const words = learnWords(images);
  return images.map(({ descriptors }) => (descriptors.length === 0 ? null : residuals(descriptors, words)));
}

/** k-means over a sample of all images' descriptors (Lloyd, 1982). */
function learnWords(images: readonly ImageDescriptors[]): Float32Array {
  const perImage = Math.max(1, Math.floor(SAMPLE_TO_LEARN / Math.max(1, images.length)));
  const sample = images.flatMap(({ descriptors }) => {
    const count = descriptors.length / DIMENSIONS;
    const taken = Math.min(perImage, count);
    return Array.from({ length: taken }, (_, i) => {
      const at = DIMENSIONS * Math.floor((i * count) / taken);
      return descriptors.subarray(at, at + DIMENSIONS);
    });
  });
  const words = new Float32Array(WORDS * DIMENSIONS);
  for (let word = 0; word < WORDS; word++) {
    const seed = sample[Math.floor((word * sample.length) / WORDS)];
    if (seed) words.set(seed, word * DIMENSIONS);
  }
  for (let round = 0; round < ROUNDS; round++) {
    const sums = new Float64Array(words.length);
    const counts = new Uint32Array(WORDS);
    for (const descriptor of sample) {
      const word = nearestWord(descriptor, 0, words);
      counts[word] = (counts[word] ?? 0) + 1;
      for (let d = 0; d < DIMENSIONS; d++) {
        sums[word * DIMENSIONS + d] = (sums[word * DIMENSIONS + d] ?? 0) + (descriptor[d] ?? 0);
      }
    }
    for (let i = 0; i < words.length; i++) {
      const count = counts[Math.floor(i / DIMENSIONS)] ?? 0;
      if (count > 0) words[i] = (sums[i] ?? 0) / count;
    }
  }
  return words;
}

function nearestWord(descriptors: Uint8Array, at: number, words: Float32Array): number {
  let nearest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let word = 0; word < WORDS; word++) {
    let distance = 0;
    for (let d = 0, w = word * DIMENSIONS; d < DIMENSIONS && distance < least; d++, w++) {
      const difference = (descriptors[at + d] ?? 0) - (words[w] ?? 0);
      distance += difference * difference;
    }
    if (distance < least) [nearest, least] = [word, distance];
  }
  return nearest;
}

/** The sums of the descriptors' differences from their words, each sum and the whole of length 1. */
function residuals(descriptors: Uint8Array, words: Float32Array): Float32Array {
  const vector = new Float32Array(words.length);
  for (let at = 0; at < descriptors.length; at += DIMENSIONS) {
    const w = DIMENSIONS * nearestWord(descriptors, at, words);
    for (let d = 0; d < DIMENSIONS; d++) {
      vector[w + d] = (vector[w + d] ?? 0) + (descriptors[at + d] ?? 0) - (words[w + d] ?? 0);
    }
  }
  for (let word = 0; word < WORDS; word++)
    normalise(vector.subarray(word * DIMENSIONS, (word + 1) * DIMENSIONS));
  normalise(vector);
  return vector;
}

function normalise(vector: Float32Array): void {
  const length = Math.sqrt(product(vector, vector));
  if (length > 0) for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) / length;
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
