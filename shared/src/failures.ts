/**
 * Every way a job can fail, in one table: what the API, the command line, the logs and the docs say.
 *
 * `sentence` tells what happened, `hint` what to do about it. `retryable` says whether another attempt can
 * end differently without anybody doing anything; it is a property of the code, never of the call site.
 */
interface FailureEntry {
  readonly sentence: string;
  readonly hint: string;
  readonly retryable: boolean;
}

export const FAILURES = {
  // download
  source_refused: {
    sentence: "The video's address is not one this agent may fetch from.",
    hint: "Use a public https URL without a user name or password in it, or upload the video with POST /uploads.",
    retryable: false,
  },
  source_unreachable: {
    sentence: "The server that has the video could not be reached.",
    hint: "Check that the URL opens from outside your network; the job is tried again by itself.",
    retryable: true,
  },
  source_not_found: {
    sentence: "The server says that there is no such video.",
    hint: "Check the URL; a Filebin bin may have expired. Upload the video again and send a new job.",
    retryable: false,
  },
  source_denied: {
    sentence: "The server refused to hand out the video.",
    hint: "Use a link that works without signing in, or upload the video with POST /uploads.",
    retryable: false,
  },
  source_server_error: {
    sentence: "The server that has the video answered with an error.",
    hint: "The job is tried again by itself; if it keeps failing, upload the video with POST /uploads.",
    retryable: true,
  },
  source_stalled: {
    sentence: "The download of the video stopped moving.",
    hint: "The job is tried again by itself; if it keeps failing, upload the video with POST /uploads.",
    retryable: true,
  },
  source_too_large: {
    sentence: "The video is larger than this agent accepts.",
    hint: "Cut or re-encode the video, or raise MAX_SOURCE_BYTES on the agent.",
    retryable: false,
  },
  source_not_a_video: {
    sentence: "What the address delivered is not a video.",
    hint: "The link probably leads to a web page. Use the link of the file itself.",
    retryable: false,
  },

  // frames
  video_corrupt: {
    sentence: "The video file is damaged or incomplete and cannot be decoded.",
    hint: "Play the file to its end on your computer; export or copy it again and send a new job.",
    retryable: false,
  },
  video_unsupported: {
    sentence: "The file is not one of the video formats this service reads.",
    hint: "Send an MP4, MOV, MKV, WebM, AVI or MPEG-TS file.",
    retryable: false,
  },
  video_size_unsupported: {
    sentence: "The video's pictures are too small or too large to work with.",
    hint: "Send a video of at least 480 pixels on its shorter side; more than 4K brings nothing.",
    retryable: false,
  },
  video_no_stream: {
    sentence: "The file has no video track.",
    hint: "It seems to hold only sound. Send the recording that has the picture.",
    retryable: false,
  },
  time_range_empty: {
    sentence: "The time range asked for lies outside the video.",
    hint: "Choose start_sec and end_sec within the video's duration.",
    retryable: false,
  },
  too_few_frames: {
    sentence: "The time range yields too few frames for a reconstruction.",
    hint: "Use a longer range or a higher fps; 8 frames are the least, 50 to 300 work well.",
    retryable: false,
  },

  // poses
  poses_no_features: {
    sentence: "The frames show too little texture to find camera positions.",
    hint: "Film something with visible detail in good light, without motion blur; blank walls do not work.",
    retryable: false,
  },
  poses_no_parallax: {
    sentence: "The camera hardly moves between the frames, so depth cannot be recovered.",
    hint: "Walk around the subject while filming; standing still or only turning the camera does not work.",
    retryable: false,
  },
  poses_unusable: {
    sentence: "Too few frames could be placed in space for a usable result.",
    hint: "Film slowly with much overlap between views and raise fps; keep the subject still and well lit.",
    retryable: false,
  },
  colmap_failed: {
    sentence: "COLMAP stopped with an error of its own.",
    hint: "The last lines of its log are in the details; check the COLMAP installation on the agent.",
    retryable: false,
  },

  // train and export
  engine_unavailable: {
    sentence: "The training engine that the job asks for is not usable on this agent.",
    hint: "See the reason in the details; install or repair the engine, or ask for another one.",
    retryable: true,
  },
  gpu_unavailable: {
    sentence: "The GPU was not available to the training process.",
    hint: "Check nvidia-smi and the CUDA installation on the agent.",
    retryable: true,
  },
  gpu_out_of_memory: {
    sentence: "The GPU ran out of memory during training.",
    hint: "Lower max_resolution or max_splats, or free memory on the card.",
    retryable: false,
  },
  dataset_invalid: {
    sentence: "The trainer could not read the images or the camera poses.",
    hint: "This is a fault of the pipeline, not of the video; please report it with the log.",
    retryable: false,
  },
  training_diverged: {
    sentence: "Training did not converge to a usable result.",
    hint: "Try again with other frames (start_sec, end_sec, fps) or fewer iterations.",
    retryable: false,
  },
  training_failed: {
    sentence: "The training process stopped with an error.",
    hint: "The last lines of its log are in the details.",
    retryable: false,
  },
  export_failed: {
    sentence: "The trained model could not be exported.",
    hint: "The last lines of the log are in the details.",
    retryable: false,
  },

  // upload and the agent itself
  upload_failed: {
    sentence: "The results could not be uploaded.",
    hint: "The job is tried again by itself; finished stages are not repeated.",
    retryable: true,
  },
  disk_full: {
    sentence: "The agent's disk is full.",
    hint: "Free space in the agent's WORKSPACE_ROOT.",
    retryable: true,
  },
  out_of_memory: {
    sentence: "The agent's machine ran out of memory.",
    hint: "Use fewer frames (fps) or a lower max_resolution, or free memory on the agent.",
    retryable: true,
  },
  workspace_damaged: {
    sentence: "Files of the job that the agent had finished are gone from its disk.",
    hint: "Leave WORKSPACE_ROOT alone while the agent runs; the job is tried again by itself.",
    retryable: true,
  },
  tool_missing: {
    sentence: "A program that the pipeline needs is not installed on the agent.",
    hint: "Install the program named in the details (ffmpeg, colmap) and restart the agent.",
    retryable: true,
  },
  tool_unsupported: {
    sentence: "A program that the pipeline needs is too old, or was built without something that it needs.",
    hint: "Install the version named in the details on the agent, and run `splatt-agent doctor`.",
    retryable: true,
  },
  workspace_unusable: {
    sentence: "The agent cannot work in its workspace.",
    hint: "Set WORKSPACE_ROOT to a folder on a local disk that the agent's user owns, and run `splatt-agent doctor`.",
    retryable: true,
  },
  stage_stalled: {
    sentence: "A stage gave no sign of life for too long and was stopped.",
    hint: "The last lines of its log are in the details.",
    retryable: true,
  },
  stage_timeout: {
    sentence: "A stage took longer than it may and was stopped.",
    hint: "Use fewer frames, a lower resolution or fewer iterations.",
    retryable: false,
  },
  agent_lost: {
    sentence: "The agent that ran the job went away and did not come back.",
    hint: "Start an agent of this pool again and send the job once more.",
    retryable: true,
  },
  agent_stopped: {
    sentence: "The agent was stopped while it ran the job.",
    hint: "The job is tried again by itself as soon as an agent is there.",
    retryable: true,
  },
  internal_error: {
    sentence: "Something failed in a way that Splatt does not know.",
    hint: "The last lines of the log are in the details; please report it.",
    retryable: true,
  },
} as const satisfies Record<string, FailureEntry>;

export type FailureCode = keyof typeof FAILURES;

export const FAILURE_CODES = Object.keys(FAILURES) as FailureCode[];

/** A failure as it travels: a code from the table and what is particular to this case. */
export interface Failure {
  readonly code: FailureCode;
  /** One line that says what was seen, e.g. which tool and what it printed. No secrets. */
  readonly detail: string;
}

export function failure(code: FailureCode, detail: string): Failure {
  return { code, detail };
}

export function isRetryable(code: FailureCode): boolean {
  return FAILURES[code].retryable;
}

/** Failures of the agent's machine rather than of the job: another agent may well do better. */
const OF_THE_MACHINE: ReadonlySet<FailureCode> = new Set([
  "disk_full",
  "out_of_memory",
  "gpu_unavailable",
  "engine_unavailable",
  "tool_missing",
  "tool_unsupported",
  "workspace_unusable",
]);

export function isOfTheMachine(code: FailureCode): boolean {
  return OF_THE_MACHINE.has(code);
}

/** The plain sentence that the API shows as `error`: the table's, then what was particular. */
export function failureSentence({ code, detail }: Failure): string {
  return detail === "" ? FAILURES[code].sentence : `${FAILURES[code].sentence} ${detail}`;
}
