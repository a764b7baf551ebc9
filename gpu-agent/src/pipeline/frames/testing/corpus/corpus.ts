import type { Clip } from "./clip.ts";
import { CLOCKS } from "./clocks.ts";
import { CONTAINERS } from "./containers.ts";
import { FIELDS } from "./fields.ts";
import { GEOMETRY } from "./geometry.ts";
import { JOINED } from "./joined.ts";
import { PICTURES } from "./pictures.ts";

export const CORPUS: readonly Clip[] = [
  ...CONTAINERS,
  ...CLOCKS,
  ...JOINED,
  ...GEOMETRY,
  ...FIELDS,
  ...PICTURES,
];
