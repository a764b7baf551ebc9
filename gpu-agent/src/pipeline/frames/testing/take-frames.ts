import { join } from "node:path";
import { pino } from "pino";
import { FRAME_LIMITS } from "../frame-plan.ts";
import { createFramesStage } from "../frames-stage.ts";
import type { FramesConfig } from "../input-video.ts";

/**
 * Takes four frames a second of the file `source` in a folder.
 *
 * @param out the empty folder for the frames
 * @param config what differs from the agent's own
 */
export function takeFrames(dir: string, out: string, config: Partial<FramesConfig> = {}) {
  const tools = { ffmpeg: "ffmpeg", ffprobe: "ffprobe", commandTimeoutMs: 60_000 };
  return createFramesStage({ ...FRAME_LIMITS, ...tools, ...config }).run(
    {
      files: [{ path: join(dir, "source"), name: "source" }],
      options: { fps: 4, start_sec: 0, end_sec: null },
    },
    {
      dir: out,
      signal: new AbortController().signal,
      log: pino({ level: "silent" }),
      report: () => undefined,
      toolOutput: () => undefined,
    },
  );
}
