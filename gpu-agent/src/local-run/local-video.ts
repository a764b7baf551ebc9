import { constants } from "node:fs";
import { copyFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { err, errorText, failure, type JobSource, ok } from "@splatt/shared";
import { sha256OfFile } from "../files/sha256-of-file.ts";
import type { DownloadOutput } from "../pipeline/download/download-stage.ts";
import type { Stage, StageContext, StageResult } from "../pipeline/stage.ts";
import { systemFailure } from "../processes/system-failure.ts";

/** A video file on this machine. */
export interface LocalVideo {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last modified, in milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** Copies a video file, in place of a download. */
export function localVideoStage({
  path,
  size,
  modifiedMs,
}: LocalVideo): Stage<Extract<JobSource, { kind: "upload" }>, DownloadOutput> {
  return {
    name: "download",
    token: "network",
    key: () => [path, size, modifiedMs],
    run: (_, context) => copyVideo(path, context),
  };
}

/** Copies rather than links, so that later changes to the original have no effect. Shares blocks where possible. */
async function copyVideo(path: string, context: StageContext): Promise<StageResult<DownloadOutput>> {
  const file = join(context.dir, "source");
  context.report({ fraction: 0, message: "Copying the video..." });
  try {
    await copyFile(path, file, constants.COPYFILE_FICLONE);
    context.report({ fraction: 0.5, message: "Reading the video..." });
    const sha256 = await sha256OfFile(file, context.signal);
    return ok({ file: "source", size: (await stat(file)).size, sha256 });
  } catch (error) {
    if (context.signal.aborted) return err(failure("agent_stopped", ""));
    const why = errorText(error);
    return err(systemFailure(error) ?? failure("source_not_found", why));
  }
}
