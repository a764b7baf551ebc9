import {
  boards,
  bookCover,
  bookSpine,
  delft,
  globe,
  kilim,
  landscape,
  leaves,
  letterBlock,
  type Paint,
  pages,
  panelBall,
  plain,
  type Rgb,
  rgb,
  terracotta,
  wallpaper,
} from "./materials.ts";
import { box, cylinder, type Shape, sphere } from "./shapes.ts";

/** A solid and what covers it. A face without paint is never seen. */
export interface Prop {
  readonly shape: Shape;
  readonly paints: readonly (Paint | null)[];
  /** Texture pixels per world unit: more for objects close to the camera. */
  readonly texelsPerUnit: number;
}

/** Where the light comes from: the middle and half the width of a square lamp under the ceiling. */
export const LAMP = { x: -3.2, y: -4.2, z: 7.2, halfWidth: 1.3 } as const;

/** A papered room with a table; on it toy blocks that spell the product's name, books, a globe, a plant. */
export function sampleScene(): Prop[] {
  return [
    room(),
    ...pictures(),
    ...table(),
    ...blocks(),
    ...books(),
    ...globeOnStand(),
    ...plant(),
    ...crockery(),
  ];
}

function room(): Prop {
  const height = 11;
  const wall = (seed: number) => wallpaper(height, seed);
  return {
    shape: box([0, 0, 2.3], [17, 15, height], 0, true),
    paints: [
      wall(1),
      wall(2),
      wall(3),
      wall(4),
      boards(rgb(0x9a7350), rgb(0x5d4129), 0.55, 3.4, 5),
      plain(rgb(0xe8e2d4)),
    ],
    texelsPerUnit: 44,
  };
}

function pictures(): Prop[] {
  const framed = (
    centre: readonly [number, number, number],
    size: readonly [number, number, number],
    face: number,
    seed: number,
  ): Prop => {
    const paints: (Paint | null)[] = Array.from({ length: 6 }, () => plain(rgb(0x4a2f18)));
    paints[face] = landscape(Math.max(size[0], size[1]), size[2], seed);
    return { shape: box(centre, size), paints, texelsPerUnit: 60 };
  };
  return [
    framed([-2.9, 7.45, 2.75], [3.1, 0.1, 2.0], 2, 41),
    framed([3.0, 7.45, 2.8], [2.0, 0.1, 2.4], 2, 42),
    framed([-8.45, 1.2, 2.7], [0.1, 2.8, 2.0], 1, 43),
    framed([8.45, 0.6, 2.8], [0.1, 3.0, 2.2], 0, 44),
  ];
}

function table(): Prop[] {
  const oak = { light: rgb(0xc79a63), dark: rgb(0x7d5127) };
  const edge = boards(oak.light, oak.dark, 0.3, 9, 12);
  const leg = (x: number, y: number): Prop => ({
    shape: box([x, y, -1.7], [0.3, 0.3, 3.1]),
    paints: [edge, edge, edge, edge, null, null],
    texelsPerUnit: 50,
  });
  const runner = { width: 5.4, depth: 2.3 };
  return [
    {
      shape: box([0, 0, -0.08], [7, 4.6, 0.16]),
      paints: [edge, edge, edge, edge, null, boards(oak.light, oak.dark, 0.58, 7.5, 11)],
      texelsPerUnit: 130,
    },
    leg(-3.2, -2),
    leg(3.2, -2),
    leg(-3.2, 2),
    leg(3.2, 2),
    {
      shape: box([0, -0.15, 0.012], [runner.width, runner.depth, 0.024], 2),
      paints: [
        plain(rgb(0x6b2a24)),
        plain(rgb(0x6b2a24)),
        plain(rgb(0x6b2a24)),
        plain(rgb(0x6b2a24)),
        null,
        kilim(runner.width, runner.depth),
      ],
      texelsPerUnit: 130,
    },
  ];
}

function blocks(): Prop[] {
  const side = 0.56;
  const word = "SPLATT";
  const colours = [0xc23b31, 0x2f6aa3, 0x3f8448, 0xd68a1f, 0x7a3f8c, 0x1f8a8a].map(rgb);
  const turns = [-14, 7, -5, 9, -8, 13];
  const around = "LTSAPTSLPA";
  return [...word].map((letter, i) => {
    const x = (i - 2.5) * 0.74;
    const y = -1.02 - 0.22 * Math.cos((i - 2.5) * 0.55);
    const colour = (k: number): Rgb => colours[(i + k) % colours.length] ?? rgb(0);
    const face = (k: number) =>
      letterBlock(side, around[(i * 3 + k) % 10] ?? "T", colour(k), 100 + i * 10 + k);
    return {
      shape: box([x, y, 0.024 + side / 2], [side, side, side], turns[i]),
      paints: [face(1), face(2), letterBlock(side, letter, colour(0), 100 + i * 10), face(3), null, face(4)],
      texelsPerUnit: 190,
    };
  });
}

function books(): Prop[] {
  const stack = [
    { size: [1.5, 1.1, 0.24], cloth: rgb(0x5b2333), turn: 8, seed: 201 },
    { size: [1.36, 1.0, 0.2], cloth: rgb(0x24475a), turn: -7, seed: 202 },
    { size: [1.18, 0.88, 0.17], cloth: rgb(0x4c6037), turn: 19, seed: 203 },
  ] as const;
  let bottom = 0.0;
  return stack.map(({ size, cloth, turn, seed }) => {
    const [width, depth, height] = size;
    const middle = bottom + height / 2;
    bottom += height;
    return {
      shape: box([-1.75, 0.35, middle], size, turn),
      paints: [
        pages(seed),
        pages(seed + 20),
        bookSpine(width, height, cloth, seed),
        pages(seed + 40),
        null,
        bookCover(width, depth, cloth, seed),
      ],
      texelsPerUnit: 150,
    };
  });
}

function globeOnStand(): Prop[] {
  const foot = boards(rgb(0x8a5a33), rgb(0x4a2d17), 0.2, 5, 301);
  const radius = 0.72;
  return [
    { shape: cylinder([0.35, 0.75, 0], 0.1, 0.5, 0.44), paints: [foot, foot], texelsPerUnit: 110 },
    { shape: cylinder([0.35, 0.75, 0.1], 0.3, 0.16, 0.1), paints: [foot, foot], texelsPerUnit: 110 },
    { shape: sphere([0.35, 0.75, 0.36 + radius], radius), paints: [globe(radius)], texelsPerUnit: 130 },
  ];
}

function plant(): Prop[] {
  const at = [2.15, 0.45] as const;
  const bark = boards(rgb(0x7b5a3c), rgb(0x3d2817), 0.1, 1, 402);
  const soil = boards(rgb(0x4a3323), rgb(0x1f140c), 0.07, 0.1, 403);
  const ball = (x: number, y: number, z: number, radius: number, seed: number): Prop => ({
    shape: sphere([at[0] + x, at[1] + y, z], radius),
    paints: [leaves(seed)],
    texelsPerUnit: 110,
  });
  return [
    {
      shape: cylinder([at[0], at[1], 0], 0.62, 0.34, 0.5),
      paints: [terracotta(0.62, 401), soil],
      texelsPerUnit: 130,
    },
    { shape: cylinder([at[0], at[1], 0.62], 0.5, 0.08, 0.06), paints: [bark, bark], texelsPerUnit: 110 },
    ball(0, 0, 1.45, 0.5, 404),
    ball(-0.36, -0.18, 1.18, 0.3, 405),
    ball(0.38, 0.1, 1.2, 0.33, 406),
    ball(0.08, -0.36, 1.2, 0.28, 407),
  ];
}

function crockery(): Prop[] {
  const tea = plain(rgb(0x5a3216));
  const ballRadius = 0.32;
  return [
    {
      shape: cylinder([-0.62, -0.2, 0.024], 0.05, 0.3, 0.42),
      paints: [delft(0.05, 501), delft(0.84, 502)],
      texelsPerUnit: 130,
    },
    {
      shape: cylinder([-0.62, -0.2, 0.074], 0.42, 0.19, 0.29),
      paints: [delft(0.42, 503), tea],
      texelsPerUnit: 150,
    },
    {
      shape: sphere([1.25, -0.28, 0.024 + ballRadius], ballRadius),
      paints: [panelBall(ballRadius)],
      texelsPerUnit: 130,
    },
    { shape: sphere([-2.75, -1.35, 0.22], 0.22), paints: [panelBall(0.22)], texelsPerUnit: 130 },
  ];
}
