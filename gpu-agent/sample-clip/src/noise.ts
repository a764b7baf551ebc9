/**
 * Deterministic noise for procedural textures: no state, no `Math.random`, the same on every machine.
 * Value noise on an integer lattice with smooth interpolation (K. Perlin, "An Image Synthesizer", 1985).
 */

/** A well-mixed 32-bit hash of three lattice coordinates, as a number in [0, 1). */
export function hash(x: number, y: number, z: number): number {
  let h = (Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ Math.imul(z | 0, 0x9e3779b1)) | 0;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

/** Smooth noise in [0, 1] whose features are about one unit wide. */
export function noise(x: number, y: number, z: number): number {
  const xi = Math.floor(x);
  const yi = Math.floor(y);
  const zi = Math.floor(z);
  const u = fade(x - xi);
  const v = fade(y - yi);
  const w = fade(z - zi);
  const near = mix(
    mix(hash(xi, yi, zi), hash(xi + 1, yi, zi), u),
    mix(hash(xi, yi + 1, zi), hash(xi + 1, yi + 1, zi), u),
    v,
  );
  if (w === 0) return near;
  const far = mix(
    mix(hash(xi, yi, zi + 1), hash(xi + 1, yi, zi + 1), u),
    mix(hash(xi, yi + 1, zi + 1), hash(xi + 1, yi + 1, zi + 1), u),
    v,
  );
  return mix(near, far, w);
}

/** Noise summed over `octaves` octaves, each twice as fine and half as strong; in [0, 1]. */
export function fractalNoise(x: number, y: number, z: number, octaves: number): number {
  let sum = 0;
  let amplitude = 0.5;
  let frequency = 1;
  for (let octave = 0; octave < octaves; octave++) {
    sum += amplitude * noise(x * frequency, y * frequency, z * frequency + octave * 17 * Math.sign(z));
    amplitude /= 2;
    frequency *= 2;
  }
  return sum / (1 - amplitude * 2);
}

export function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}

/** 0 below `from`, 1 above `to`, smooth between. */
export function smoothstep(from: number, to: number, x: number): number {
  return fade(Math.min(1, Math.max(0, (x - from) / (to - from))));
}

function fade(t: number): number {
  return t * t * (3 - 2 * t);
}
