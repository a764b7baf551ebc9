import { pino } from "pino";
import type { ColmapModel } from "../colmap-model.ts";
import { colmapAt, findColmap } from "../colmap-program.ts";
import type { ColmapJob } from "../colmap-step.ts";
import { dialectOf } from "../colmap-version.ts";

/** A job for the installed COLMAP on a model that was made up, in a folder without pictures. */
export async function colmapJobOn(
  { images }: ColmapModel,
  dir: string,
  size: { width: number; height: number },
) {
  const { signal } = new AbortController();
  const colmap = await findColmap([colmapAt("colmap")], false, dir, signal);
  if (!colmap.ok) throw new Error(colmap.error.detail);
  const names = images.map(({ name }) => name);
  const nothing = () => undefined;
  return {
    ...{ colmap: colmap.value, dialect: dialectOf(colmap.value), images: dir, names },
    cameras: [{ ...size, names, known: true, focal: null }],
    sizes: new Map(names.map((name) => [name, size])),
    ...{ places: new Map(), videoOf: new Map(), threads: 1, gpu: { enabled: false }, matchingEndsAt: null },
    ...{ timeoutMs: 60_000, silenceMs: 60_000 },
    context: { dir, signal, log: pino({ level: "silent" }), report: nothing, toolOutput: nothing },
  } satisfies ColmapJob;
}
