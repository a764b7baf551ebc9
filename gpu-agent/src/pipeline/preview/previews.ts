import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorText, MAX_PREVIEW_BYTES } from "@splatt/shared";
import type { Logger } from "pino";
import type { Engine } from "../../engines/engine.ts";
import { splatPicture } from "./splat-picture.ts";

/** Pixels. */
const LONG_SIDE = 480;

/** Shows a picture, a WebP, to whoever waits for the job; the latest counts. It may fail. */
export type ShowPreview = (picture: Uint8Array, signal: AbortSignal) => Promise<void>;

export interface PreviewOptions {
  readonly engine: Pick<Engine, "name" | "earlySplat">;
  /** The folder in which the engine trains. */
  readonly trainDir: string;
  readonly transformsFile: string;
  readonly show: ShowPreview;
  /** From one look for news to the next. */
  readonly intervalMs: number;
  readonly log: Logger;
}

/**
 * Shows pictures of the splat while it trains, one for each that the engine leaves, until `signal` is aborted. What goes
 * wrong with one of them is left for the next: nobody waits for a preview longer than for the splat.
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
