/**
 * Every way a job can fail, as the API, the command line, the logs and the docs show it.
 *
 * `sentence` says what happened; `hint` what to do, when no attempt is left. `retryable` says whether another attempt
 * can succeed without anybody's action; it is a property of the code, never of the call site.
 */
interface FailureEntry {
  readonly sentence: string;
  readonly hint: string;
  readonly retryable: boolean;
}

export const FAILURES = {
  // download
  source_refused: {
    sentence: "The agent is not allowed to fetch from the video's address.",
    hint: "Use a public https URL without a port, a user name or a password in it, or the video file itself.",
    retryable: false,
  },
  source_unreachable: {
    sentence: "The video's server could not be reached.",
    hint: "Check that the URL opens from outside your network, then try again.",
    retryable: true,
  },
  source_not_found: {
    sentence: "The server has no video at this URL.",
    hint: "Check the URL: a Filebin bin may have expired. Use another URL, or the video file itself.",
    retryable: false,
  },
  source_denied: {
    sentence: "The server refused access to the video.",
    hint: "Use a link that works without signing in, or the video file itself.",
    retryable: false,
  },
  source_server_error: {
    sentence: "The video's server answered with an error.",
    hint: "Try again later, or use the video file itself.",
    retryable: true,
  },
  source_stalled: {
    sentence: "The download of the video stalled.",
    hint: "Try again later, or use the video file itself.",
    retryable: true,
  },
  source_too_large: {
    sentence: "The video is larger than this agent accepts.",
    hint: "Trim or re-encode the video, or raise MAX_SOURCE_BYTES on the agent.",
    retryable: false,
  },
  source_damaged: {
    sentence: "The uploaded video is not the file that was announced: its SHA-256 differs.",
    hint: "Upload the video again, and state the SHA-256 of the file that you send.",
    retryable: false,
  },
  source_not_a_video: {
    sentence: "The URL does not lead to a video file.",
    hint: "It probably leads to a web page. Use the direct link to the file.",
    retryable: false,
  },

  // frames
  video_corrupt: {
    sentence: "The video file is damaged or incomplete and cannot be decoded.",
    hint: "Check that the file plays to its end on your computer. Export or copy it again, and send that file.",
    retryable: false,
  },
  video_unsupported: {
    sentence: "The file is not in a supported video format.",
    hint: "Send an MP4, MOV, MKV, WebM, AVI, MPEG, FLV, WMV, OGV or MXF file.",
    retryable: false,
  },
  video_size_unsupported: {
    sentence: "The video's resolution is too low or too high.",
    hint: "Send a video of at least 480 pixels on its shorter side (32 is the minimum) and at most 8K; more than 4K brings no benefit.",
    retryable: false,
  },
  video_no_stream: {
    sentence: "The file has no video track.",
    hint: "It seems to contain only sound. Send the recording that contains the picture.",
    retryable: false,
  },
  video_encrypted: {
    sentence: "The video is encrypted (DRM), so its pictures cannot be read.",
    hint: "Send a copy without copy protection, such as the recording that the camera saved.",
    retryable: false,
  },
  video_spherical: {
    sentence: "It is a 360° video, which this pipeline cannot reconstruct.",
    hint: 'Export a flat view of it ("reframe" in the camera\'s app), or film with an ordinary camera.',
    retryable: false,
  },
  video_dolby_vision: {
    sentence: "The video's colours can be shown by Dolby Vision decoders only.",
    hint: "Send the original recording, or convert the video to HDR10 or SDR.",
    retryable: false,
  },
  image_still: {
    sentence: "The file is a single picture, not a video.",
    hint: "Film the subject from all sides and send the video.",
    retryable: false,
  },
  image_animated: {
    sentence: "The file is an animated image (GIF, APNG, WebP or AVIF), not a video.",
    hint: "Send the video that the animation was made from.",
    retryable: false,
  },
  image_motion_photo: {
    sentence: "The file is a live or motion photo: a picture with a clip of a few seconds.",
    hint: "Switch the camera to video mode, film the subject from all sides and send that video.",
    retryable: false,
  },
  archive_corrupt: {
    sentence: "The archive is damaged or incomplete.",
    hint: "Check that it unpacks on your computer. Pack the files again, and send the new archive.",
    retryable: false,
  },
  archive_unsupported: {
    sentence: "The archive is of a kind that is not read.",
    hint: "Pack the files into one ordinary zip, tar or tar.gz, without a password and without archives inside.",
    retryable: false,
  },
  archive_unsafe: {
    sentence:
      "The archive has entries that no archive of photos or videos has, and nothing of it was unpacked.",
    hint: "Pack only the photos or videos, without links and with plain file names.",
    retryable: false,
  },
  archive_too_large: {
    sentence: "The archive would unpack to more than an agent accepts.",
    hint: "Pack only the photos (3,000 at most, 50 to 300 work well) or videos (16 at most), in an archive of at most 10,000 files.",
    retryable: false,
  },
  too_few_photos: {
    sentence: "The archive holds too few usable photos for a reconstruction.",
    hint: "Send JPEG, PNG, WebP, AVIF or HEIC photos of the subject from all sides. 8 are the minimum; 50 to 300 work well.",
    retryable: false,
  },
  dataset_unreadable: {
    sentence: "The archive's camera poses cannot be used.",
    hint: "Send a nerfstudio transforms.json or a COLMAP model (sparse/0) of ordinary lenses, with its images, as these programs write them. Without these files, the poses are solved from the images.",
    retryable: false,
  },
  dataset_incomplete: {
    sentence: "Most of the images that the dataset's camera poses name are missing from the archive.",
    hint: "Pack the images into the same archive, under the names that the poses use.",
    retryable: false,
  },
  dataset_poses_wrong: {
    sentence: "The dataset's camera poses do not fit its images.",
    hint: "Check that images and poses belong together, and that the axes are those of the format. Without the poses in the archive, they are solved from the images.",
    retryable: false,
  },
  photos_have_no_time: {
    sentence: "The options fps, start_sec and end_sec select a part of a video, and this job has none.",
    hint: "Leave these options out. All images of the archive are used.",
    retryable: false,
  },
  time_range_empty: {
    sentence: "The requested time range lies outside the video.",
    hint: "Choose start_sec and end_sec within the video's duration.",
    retryable: false,
  },
  too_few_frames: {
    sentence: "The time range yields too few frames for a reconstruction.",
    hint: "Use a longer range or a higher fps. 8 frames are the minimum; 50 to 300 work well.",
    retryable: false,
  },

  // poses
  poses_no_features: {
    sentence: "The frames show too little texture to find camera positions.",
    hint: "Film or photograph something with visible detail, in good light and without motion blur. Blank walls do not work.",
    retryable: false,
  },
  poses_no_parallax: {
    sentence: "The camera hardly moves between the frames, so depth cannot be recovered.",
    hint: "Walk around the subject while filming, or from photo to photo. Standing still or only turning the camera does not work.",
    retryable: false,
  },
  poses_unusable: {
    sentence: "Too few frames could be registered for a usable result.",
    hint: "Each view must overlap the next by two thirds: film slowly and raise fps, or take more photos. Keep the subject still and well lit.",
    retryable: false,
  },
  colmap_failed: {
    sentence: "COLMAP failed.",
    hint: "The details have the last lines of its log. Check the COLMAP installation with `splatt-agent doctor`.",
    retryable: false,
  },

  // train and export
  engine_unavailable: {
    sentence: "The requested training engine is not usable on this agent.",
    hint: "The details say why. Install or repair the engine, or request another one.",
    retryable: true,
  },
  gpu_unavailable: {
    sentence: "The GPU could not be used.",
    hint: "Check nvidia-smi and the CUDA installation on the agent.",
    retryable: true,
  },
  gpu_out_of_memory: {
    sentence: "The GPU ran out of memory during training.",
    hint: "Lower max_resolution or max_splats, or free GPU memory.",
    retryable: false,
  },
  dataset_invalid: {
    sentence: "The trainer could not read the images or the camera poses.",
    hint: "This is a bug in the pipeline, not a problem with the video. Please report it with the log.",
    retryable: false,
  },
  training_diverged: {
    sentence: "Training did not converge to a usable result.",
    hint: "Try again with other frames (start_sec, end_sec, fps) or fewer iterations.",
    retryable: false,
  },
  training_failed: {
    sentence: "The training process failed.",
    hint: "The details have the last lines of its log.",
    retryable: false,
  },
  export_failed: {
    sentence: "The trained model could not be exported.",
    hint: "The details have the last lines of the log.",
    retryable: false,
  },

  // upload and the agent itself
  upload_failed: {
    sentence: "The results could not be uploaded.",
    hint: "Check the network between the agent and the control plane, then try again. Finished stages are not repeated.",
    retryable: true,
  },
  disk_full: {
    sentence: "The agent's disk is full.",
    hint: "Free space on the disk of WORKSPACE_ROOT, or of the folder that `splatt-agent run` writes to.",
    retryable: true,
  },
  out_of_memory: {
    sentence: "The agent's host ran out of memory.",
    hint: "Use fewer frames (fps) or a lower max_resolution, or free memory on the agent.",
    retryable: true,
  },
  workspace_damaged: {
    sentence: "Finished files of the job have disappeared from the agent's disk.",
    hint: "Change nothing in WORKSPACE_ROOT while the agent runs, then try again.",
    retryable: true,
  },
  tool_missing: {
    sentence: "A program that the pipeline needs is not installed on the agent.",
    hint: "Install the program named in the details (ffmpeg, colmap), then start the agent again.",
    retryable: true,
  },
  tool_unsupported: {
    sentence: "A program that the pipeline needs is too old, or was built without something that it needs.",
    hint: "Install the version named in the details on the agent, and run `splatt-agent doctor`.",
    retryable: true,
  },
  ffmpeg_failed: {
    sentence: "The agent's ffmpeg crashed, or did not write the requested pictures.",
    hint: "Install another version of ffmpeg on the agent, and report the log.",
    retryable: true,
  },
  workspace_unusable: {
    sentence: "The agent cannot work in its workspace.",
    hint: "Set WORKSPACE_ROOT to a folder on a local disk that the agent's user owns, and run `splatt-agent doctor`.",
    retryable: true,
  },
  stage_stalled: {
    sentence: "A stage showed no progress for too long and was stopped.",
    hint: "The details have the last lines of its log.",
    retryable: true,
  },
  stage_timeout: {
    sentence: "A stage exceeded its time limit and was stopped.",
    hint: "Use fewer frames, a lower resolution or fewer iterations.",
    retryable: false,
  },
  agent_lost: {
    sentence: "The job lost its agent.",
    hint: "Make sure that an agent of this pool runs and stays connected, then run the job again.",
    retryable: true,
  },
  agent_stopped: {
    sentence: "The agent was stopped while it ran the job.",
    hint: "Start an agent of this pool, then run the job again.",
    retryable: true,
  },
  internal_error: {
    sentence: "Unexpected internal error.",
    hint: "Please report it with the last lines of the log, which are in the details.",
    retryable: true,
  },
} as const satisfies Record<string, FailureEntry>;

export type FailureCode = keyof typeof FAILURES;

export const FAILURE_CODES = Object.keys(FAILURES) as FailureCode[];

/** A code from the table, and what is specific to this case. */
export interface Failure {
  readonly code: FailureCode;
  /** One line: which tool, and what it printed. No secrets. */
  readonly detail: string;
}

export function failure(code: FailureCode, detail: string): Failure {
  return { code, detail };
}

export function isRetryable(code: FailureCode): boolean {
  return FAILURES[code].retryable;
}

/** Failures of the agent's host rather than of the job. Another agent may succeed. */
const HOST_FAILURES: ReadonlySet<FailureCode> = new Set([
  "disk_full",
  "out_of_memory",
  "gpu_unavailable",
  "engine_unavailable",
  "tool_missing",
  "tool_unsupported",
  "ffmpeg_failed",
  "workspace_unusable",
]);

export function isHostFailure(code: FailureCode): boolean {
  return HOST_FAILURES.has(code);
}

/**
 * Failures that speak against the agent's host when jobs with different inputs end with them in a row. Left out is what
 * the input or the job's options explain, and what would befall every host at once: a video's server that is down, a
 * control plane that takes no uploads.
 */
const SUSPECT_FAILURES: ReadonlySet<FailureCode> = new Set([
  ...HOST_FAILURES,
  "colmap_failed",
  "dataset_invalid",
  "training_failed",
  "export_failed",
  "workspace_damaged",
  "stage_stalled",
  "internal_error",
]);

export function isSuspectFailure(code: FailureCode): boolean {
  return SUSPECT_FAILURES.has(code);
}

/** The plain sentence that the API shows as `error`: the table's, followed by the detail. */
export function failureSentence({ code, detail }: Failure): string {
  return detail === "" ? FAILURES[code].sentence : `${FAILURES[code].sentence} ${detail}`;
}
