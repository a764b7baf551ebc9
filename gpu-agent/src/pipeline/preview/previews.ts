import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorText, MAX_PREVIEW_BYTES } from "@splatt/shared";
import type { Logger } from "pino";
import type { Engine } from "../../engines/engine.ts";
import { splatPicture } from "./splat-picture.ts";

/** Pixels. */
const LONG_SIDE = 480;

/** Publishes a preview, a WebP, in place of the previous one. It may fail. */
export type ShowPreview = (picture: Uint8Array, signal: AbortSignal) => Promise<void>;

export interface PreviewOptions {
  readonly engine: Pick<Engine, "name" | "earlySplat">;
  /** The folder in which the engine trains. */
  readonly trainDir: string;
  readonly transformsFile: string;
  readonly show: ShowPreview;
  /** Between two checks for a newer splat. */
  readonly intervalMs: number;
  readonly log: Logger;
}

/**
 * Publishes a picture of each early splat that the engine saves, until `signal` is aborted. A failed one is skipped;
 * the next one replaces it anyway.
 */
export async function showPreviews(options: PreviewOptions, signal: AbortSignal): Promise<void> {
  const { engine, trainDir, transformsFile, show, intervalMs, log } = options;
  if (engine.earlySplat === undefined) return;
  let shown = -1;
  for (;;) {
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const early = await engine.earlySplat(trainDir, shown, signal);
      if (early === null) continue;
      const picture = await splatPicture(join(trainDir, early.file), transformsFile, LONG_SIDE, signal);
      if (!picture.ok || picture.value.byteLength > MAX_PREVIEW_BYTES) continue;
      await show(picture.value, signal);
      shown = early.step;
    } catch (error) {
      if (!signal.aborted) log.debug(`no preview: ${errorText(error)}`);
    }
  }
}
