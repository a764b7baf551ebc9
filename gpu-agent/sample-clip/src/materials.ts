import { fractalNoise, hash, mix, noise, smoothstep } from "./noise.ts";

/** Display colour (sRGB), each channel 0–1. */
export type Rgb = readonly [number, number, number];

/** The colour of a face at (x, y), in world units from its upper left corner. */
export type Paint = (x: number, y: number) => Rgb;

export function rgb(hex: number): Rgb {
  return [(hex >> 16) / 255, ((hex >> 8) & 255) / 255, (hex & 255) / 255];
}

function blend(a: Rgb, b: Rgb, t: number): Rgb {
  return [mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)];
}

function shade(colour: Rgb, factor: number): Rgb {
  return [colour[0] * factor, colour[1] * factor, colour[2] * factor];
}

export function plain(colour: Rgb): Paint {
  return () => colour;
}

/** Boards along x, each with its own grain and tone, joints between them. */
export function boards(light: Rgb, dark: Rgb, boardWidth: number, boardLength: number, seed: number): Paint {
  return (x, y) => {
    const row = Math.floor(y / boardWidth);
    const shifted = x + boardLength * hash(row, seed, 1);
    const column = Math.floor(shifted / boardLength);
    const id = seed + 100 * hash(row, column, seed);
    const across = y / boardWidth - row;
    const along = shifted / boardLength - column;
    const waviness = fractalNoise(x * 0.7, y * 2.2, id, 2) * 1.6;
    const rings = 0.5 + 0.5 * Math.sin((y / boardWidth) * 9 + waviness * 14 + id);
    const fibre = fractalNoise(x * 5, y * 60, id, 3);
    const knot = smoothstep(0.78, 0.9, noise(x * 1.3 + id, y * 2.6, id));
    let t = 0.22 + 0.3 * rings + 0.55 * (fibre - 0.5) + 0.25 * (hash(row, column, seed + 7) - 0.5);
    t = Math.max(t, knot * 0.95);
    const toEdge = Math.min(across, 1 - across) * boardWidth;
    const toEnd = Math.min(along, 1 - along) * boardLength;
    const joint = smoothstep(0.0, 0.018, Math.min(toEdge, toEnd));
    return shade(blend(light, dark, Math.min(1, Math.max(0, t))), 0.45 + 0.55 * joint);
  };
}

/** A woven runner: borders, zigzags and rows of stepped diamonds, with visible threads. */
export function kilim(width: number, height: number): Paint {
  const red = rgb(0xa3322b);
  const cream = rgb(0xe9dcc0);
  const blue = rgb(0x2c4a6e);
  const ochre = rgb(0xd79a3a);
  const black = rgb(0x2b2320);
  return (x, y) => {
    const edge = Math.min(x, y, width - x, height - y);
    const thread = 0.86 + 0.28 * (hash(Math.floor(x * 46), Math.floor(y * 46), 3) - 0.5);
    const worn = 0.85 + 0.3 * fractalNoise(x * 2.2, y * 2.2, 5, 3);
    let colour: Rgb;
    if (edge < 0.06) colour = black;
    else if (edge < 0.2) colour = Math.floor((x + y) / 0.07) % 2 === 0 ? cream : blue;
    else if (edge < 0.25) colour = black;
    else {
      const band = Math.floor((y - 0.25) / 0.42);
      const row = (y - 0.25) / 0.42 - band;
      const cell = Math.floor(x / 0.42);
      const dx = Math.abs(Math.floor((x / 0.42 - cell) * 12) - 5.5) / 6;
      const dy = Math.abs(Math.floor(row * 12) - 5.5) / 6;
      const diamond = dx + dy;
      const tone = hash(cell, band, 11);
      if (diamond < 0.3) colour = tone < 0.5 ? ochre : cream;
      else if (diamond < 0.62) colour = tone < 0.33 ? blue : tone < 0.66 ? black : cream;
      else if (diamond < 0.95) colour = tone < 0.5 ? cream : ochre;
      else colour = (band + cell) % 3 === 0 ? blue : red;
    }
    return shade(colour, thread * worn);
  };
}

/** A cloth-bound cover with a gilt frame, an ornament and lines of title. */
export function bookCover(width: number, height: number, cloth: Rgb, seed: number): Paint {
  const gold = rgb(0xd9b36a);
  return (x, y) => {
    const weave = 0.8 + 0.25 * hash(Math.floor(x * 60), Math.floor(y * 60), seed);
    const mottled = 0.75 + 0.5 * fractalNoise(x * 3, y * 3, seed + 0.5, 4);
    const edge = Math.min(x, y, width - x, height - y);
    const centreX = x - width / 2;
    const centreY = y - height / 2;
    const r = Math.hypot(centreX, centreY) / (Math.min(width, height) * 0.3);
    const angle = Math.atan2(centreY, centreX);
    const petals = Math.abs(Math.cos(angle * (3 + (seed % 3)))) * 0.55 + 0.4;
    let gilt = edge > 0.07 && edge < 0.095 ? 1 : 0;
    if (edge > 0.12 && edge < 0.13) gilt = 1;
    if (Math.abs(r - petals) < 0.07 || (r > 1.02 && r < 1.1) || r < 0.13) gilt = 1;
    const line = Math.floor(centreY / 0.07);
    const letters = hash(Math.floor(centreX / 0.035), line, seed + 2) > 0.35;
    if (Math.abs(centreX) < width * 0.26 && (line === 7 || line === -9) && letters) gilt = 1;
    const rubbed = smoothstep(0.25, 0.5, fractalNoise(x * 7, y * 7, seed + 3, 3));
    return shade(blend(cloth, gold, gilt * rubbed), weave * mottled);
  };
}

/** The spine of a book: cloth, raised bands and a lettered label. */
export function bookSpine(width: number, height: number, cloth: Rgb, seed: number): Paint {
  const gold = rgb(0xd9b36a);
  return (x, y) => {
    const weave = 0.8 + 0.25 * hash(Math.floor(x * 60), Math.floor(y * 60), seed + 9);
    const mottled = 0.75 + 0.5 * fractalNoise(x * 4, y * 4, seed + 0.7, 4);
    const t = x / width;
    const band = Math.min(...[0.1, 0.22, 0.78, 0.9].map((at) => Math.abs(t - at))) * width;
    const label = Math.abs(t - 0.5) < 0.2 && Math.abs(y / height - 0.5) < 0.33;
    const letter = label && hash(Math.floor(x / 0.045), Math.floor(y / 0.06), seed) > 0.45;
    const colour = label
      ? blend(shade(cloth, 0.45), gold, letter ? 1 : 0)
      : blend(cloth, gold, band < 0.012 ? 1 : 0);
    return shade(colour, weave * mottled);
  };
}

/** The cut edge of a book's pages. */
export function pages(seed: number): Paint {
  return (x, y) => {
    const sheet = hash(Math.floor(y * 90), 0, seed);
    const stain = fractalNoise(x * 4, y * 12, seed + 0.5, 3);
    return shade(rgb(0xe8dcc0), 0.68 + 0.22 * sheet + 0.25 * (stain - 0.5));
  };
}

const LETTERS: Readonly<Record<string, readonly (readonly [number, number])[][]>> = {
  S: [
    [
      [0.74, 0.26],
      [0.66, 0.19],
      [0.5, 0.16],
      [0.34, 0.2],
      [0.27, 0.31],
      [0.33, 0.42],
      [0.5, 0.49],
      [0.67, 0.56],
      [0.74, 0.68],
      [0.67, 0.8],
      [0.5, 0.84],
      [0.33, 0.81],
      [0.25, 0.73],
    ],
  ],
  P: [
    [
      [0.32, 0.84],
      [0.32, 0.17],
      [0.56, 0.17],
      [0.69, 0.24],
      [0.73, 0.36],
      [0.69, 0.48],
      [0.56, 0.54],
      [0.32, 0.54],
    ],
  ],
  L: [
    [
      [0.33, 0.16],
      [0.33, 0.83],
      [0.71, 0.83],
    ],
  ],
  A: [
    [
      [0.24, 0.84],
      [0.5, 0.16],
      [0.76, 0.84],
    ],
    [
      [0.34, 0.62],
      [0.66, 0.62],
    ],
  ],
  T: [
    [
      [0.24, 0.18],
      [0.76, 0.18],
    ],
    [
      [0.5, 0.18],
      [0.5, 0.84],
    ],
  ],
};

/** A face of a toy block: wood, a coloured frame and a letter with rounded strokes. */
export function letterBlock(side: number, letter: string, colour: Rgb, seed: number): Paint {
  const wood = boards(rgb(0xe6c694), rgb(0xb98a52), side * 2, side * 4, seed);
  const strokes = LETTERS[letter] ?? [];
  return (x, y) => {
    const u = x / side;
    const v = y / side;
    const edge = Math.min(u, v, 1 - u, 1 - v);
    let distance = Infinity;
    for (const stroke of strokes) {
      for (let i = 1; i < stroke.length; i++) {
        const from = stroke[i - 1];
        const to = stroke[i];
        if (from && to) distance = Math.min(distance, distanceToSegment(u, v, from, to));
      }
    }
    const painted = Math.max(
      1 - smoothstep(0.062, 0.074, distance),
      smoothstep(0.045, 0.055, edge) * (1 - smoothstep(0.095, 0.105, edge)),
    );
    const worn = smoothstep(0.22, 0.36, fractalNoise(x * 9, y * 9, seed + 0.3, 4));
    const speckle = 0.86 + 0.28 * fractalNoise(x * 22, y * 22, seed + 0.6, 2);
    return shade(
      blend(wood(x, y), colour, painted * worn),
      speckle * (0.7 + 0.3 * smoothstep(0, 0.03, edge)),
    );
  };
}

function distanceToSegment(
  x: number,
  y: number,
  from: readonly [number, number],
  to: readonly [number, number],
): number {
  const dx = to[0] - from[0];
  const dy = to[1] - from[1];
  const along = ((x - from[0]) * dx + (y - from[1]) * dy) / (dx * dx + dy * dy);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - from[0] - t * dx, y - from[1] - t * dy);
}

/** An old globe: oceans, land with relief, ice at the poles, meridians and parallels. */
export function globe(radius: number): Paint {
  return (x, y) => {
    const longitude = x / radius;
    const colatitude = y / radius;
    const px = Math.cos(longitude) * Math.sin(colatitude);
    const py = Math.sin(longitude) * Math.sin(colatitude);
    const pz = Math.cos(colatitude);
    const height = fractalNoise(px * 1.7 + 9, py * 1.7 + 4, pz * 1.7 + 5, 5);
    const relief = fractalNoise(px * 9 + 3, py * 9 + 7, pz * 9 + 11, 3);
    const ice = smoothstep(0.8, 0.9, Math.abs(pz) + 0.25 * (relief - 0.5));
    const coast = smoothstep(0.495, 0.51, height);
    const sea = blend(
      rgb(0x16406e),
      rgb(0x3f83a8),
      smoothstep(0.36, 0.5, height) * 0.8 + 0.3 * (relief - 0.5),
    );
    const lowland = blend(rgb(0x6f8f3f), rgb(0xcdb06a), relief);
    const land = blend(lowland, rgb(0x8a5a33), smoothstep(0.54, 0.64, height));
    let colour = blend(blend(sea, land, coast), rgb(0xf0efe6), ice);
    const shore = Math.abs(height - 0.502);
    colour = shade(colour, 0.55 + 0.45 * smoothstep(0.002, 0.008, shore));
    const meridian = Math.abs(((longitude / (Math.PI / 9)) % 1) - 0.5);
    const parallel = Math.abs(((colatitude / (Math.PI / 9)) % 1) - 0.5);
    if (meridian > 0.488 / Math.max(1, 1 + 0 * pz) || parallel > 0.488)
      colour = blend(colour, rgb(0x1b1b1b), 0.45);
    return shade(colour, 0.85 + 0.3 * fractalNoise(px * 30 + 50, py * 30 + 50, pz * 30 + 50, 2));
  };
}

/** Leaves: cells of light and dark green with veins, after S. Worley's cellular texture (1996). */
export function leaves(seed: number): Paint {
  return (x, y) => {
    const scale = 9;
    let nearest = 9;
    let second = 9;
    let id = 0;
    const cx = Math.floor(x * scale);
    const cy = Math.floor(y * scale);
    for (let j = cy - 1; j <= cy + 1; j++) {
      for (let i = cx - 1; i <= cx + 1; i++) {
        const d = Math.hypot(i + hash(i, j, seed) - x * scale, j + hash(i, j, seed + 1) - y * scale);
        if (d < nearest) {
          second = nearest;
          nearest = d;
          id = hash(i, j, seed + 2);
        } else if (d < second) second = d;
      }
    }
    const green = blend(rgb(0x2f5a24), rgb(0x9cbf4a), id);
    const vein = 0.85 + 0.3 * noise(x * 40, y * 40, seed + 0.5);
    return shade(green, (0.4 + 0.6 * smoothstep(0, 0.35, second - nearest)) * (1.12 - 0.3 * nearest) * vein);
  };
}

/** Fired clay with a band of painted waves. */
export function terracotta(height: number, seed: number): Paint {
  return (x, y) => {
    const t = y / height;
    const clay = shade(rgb(0xb9633c), 0.72 + 0.5 * fractalNoise(x * 6, y * 6, seed + 0.5, 4));
    const wave = Math.abs(t - 0.5 - 0.11 * Math.sin(x * 11)) < 0.05;
    const rim = Math.abs(t - 0.2) < 0.025 || Math.abs(t - 0.8) < 0.025;
    const dot = Math.hypot(((x * 1.75) % 1) - 0.5, (t - 0.5) * 2.4) < 0.09;
    return wave || rim || dot ? blend(clay, rgb(0xf1e6cf), 0.8) : clay;
  };
}

/** Glazed white with blue brushwork. */
export function delft(height: number, seed: number): Paint {
  return (x, y) => {
    const t = y / height;
    const flower = noise(x * 6, y * 6, seed + 0.5);
    const stroke = Math.abs(fractalNoise(x * 3.2, y * 3.2, seed + 0.2, 3) - 0.5);
    const blue = Math.max(
      1 - smoothstep(0.015, 0.04, stroke),
      smoothstep(0.68, 0.74, flower),
      t < 0.1 || t > 0.88 ? 1 - smoothstep(0.2, 0.3, Math.abs(((x * 7) % 1) - 0.5)) : 0,
    );
    const glaze = 0.92 + 0.1 * fractalNoise(x * 14, y * 14, seed + 0.8, 2);
    return shade(blend(rgb(0xf3f1ea), rgb(0x25458f), blue * 0.9), glaze);
  };
}

/** A ball sewn of six coloured panels. */
export function panelBall(radius: number): Paint {
  const colours = [0xd2453b, 0xf0e7d2, 0x2f6fa8, 0xf0e7d2, 0xe3b23c, 0xf0e7d2].map(rgb);
  return (x, y) => {
    const longitude = x / (2 * Math.PI * radius);
    const colatitude = y / (Math.PI * radius);
    const panel = Math.floor(longitude * 6);
    const seam =
      Math.min(longitude * 6 - panel, 1 - (longitude * 6 - panel)) * Math.sin(colatitude * Math.PI);
    const cap = Math.min(colatitude, 1 - colatitude) < 0.09;
    const colour = cap ? rgb(0x2d2a2a) : (colours[panel % 6] ?? rgb(0xffffff));
    const scuffs = 0.78 + 0.4 * fractalNoise(x * 8, y * 8, 31.5, 4);
    return shade(colour, scuffs * (0.5 + 0.5 * smoothstep(0.01, 0.035, seam)));
  };
}

/** A papered wall: a lattice of small flowers above a panelled dado. */
export function wallpaper(height: number, seed: number): Paint {
  const dado = height - 2.6;
  return (x, y) => {
    const mottled = 0.88 + 0.24 * fractalNoise(x * 1.4, y * 1.4, seed + 0.5, 5);
    if (y > dado) {
      const panel = ((x % 1.5) + 1.5) % 1.5;
      const edge = Math.min(panel, 1.5 - panel, y - dado - 0.15, height - 0.35 - y);
      const groove = Math.abs(edge - 0.22) < 0.03 || Math.abs(y - dado - 0.1) < 0.03 ? 0.72 : 1;
      const wood = boards(rgb(0xa9b59d), rgb(0x8a9a80), 0.5, 3, seed);
      return shade(wood(y, x), groove * mottled * (y > height - 0.35 ? 0.8 : 1));
    }
    const cell = 0.62;
    const row = Math.floor(y / cell);
    const gx = x / cell + (row % 2) * 0.5;
    const column = Math.floor(gx);
    const fx = (gx - column - 0.5) * 2;
    const fy = (y / cell - row - 0.5) * 2;
    const turn = hash(column, row, seed) * 6.28;
    const r = Math.hypot(fx, fy);
    const petal = 0.3 + 0.16 * Math.cos(5 * (Math.atan2(fy, fx) + turn));
    const kind = hash(column, row, seed + 1);
    const paper = rgb(0xe4d8bd);
    if (r < 0.12) return shade(rgb(0xd8a43c), mottled);
    if (r < petal) return shade(kind < 0.5 ? rgb(0xb8574a) : rgb(0x5d7f9c), mottled * (0.8 + 0.3 * r));
    const stem = Math.abs(fx + 0.35 * Math.sin(fy * 3 + turn)) < 0.05 && fy > 0;
    const stripe = Math.abs(gx - Math.round(gx)) < 0.02;
    return shade(stem ? rgb(0x76905e) : stripe ? rgb(0xcdbd98) : paper, mottled);
  };
}

/** A painted landscape in a frame. */
export function landscape(width: number, height: number, seed: number): Paint {
  const frame = boards(rgb(0x8d6032), rgb(0x4a2f18), 0.3, 9, seed);
  return (x, y) => {
    const edge = Math.min(x, y, width - x, height - y);
    if (edge < 0.16) return shade(frame(x, y), edge < 0.02 || edge > 0.13 ? 0.6 : 1.1);
    const u = (x - 0.16) / (width - 0.32);
    const v = (y - 0.16) / (height - 0.32);
    const brush = 0.82 + 0.36 * fractalNoise(x * 13, y * 5, seed + 0.5, 3);
    const far = 0.42 - 0.3 * (fractalNoise(u * 4, 1.5, seed + 0.1, 5) - 0.35);
    const mid = 0.66 - 0.3 * (fractalNoise(u * 3, 7.5, seed + 0.9, 4) - 0.4);
    const sun = Math.hypot((u - 0.72) * (width / height), v - 0.22);
    let colour = blend(rgb(0x7fa7c9), rgb(0xf2d3a0), smoothstep(0, 0.5, v));
    colour = blend(
      colour,
      rgb(0xf7ecd2),
      smoothstep(0.5, 0.75, fractalNoise(u * 4, v * 9, seed + 0.4, 4)) * 0.8,
    );
    if (sun < 0.09) colour = rgb(0xfff0b8);
    if (v > far) colour = blend(rgb(0x5d6f8d), rgb(0xdfe3e6), smoothstep(0.08, 0.0, v - far) * 0.7);
    if (v > mid) colour = blend(rgb(0x45652f), rgb(0x9aa548), fractalNoise(u * 26, v * 26, seed + 0.6, 3));
    if (v > 0.84) colour = blend(rgb(0x2f5d7c), rgb(0x9cc3cf), fractalNoise(u * 9, v * 50, seed + 0.7, 3));
    return shade(colour, brush);
  };
}
