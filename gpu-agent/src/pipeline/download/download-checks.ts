import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { failure } from "@splatt/shared";
import { SIGNATURE_BYTES, type Signature, signatureOf } from "../frames/container-signature.ts";
import type { PartFile } from "./part-file.ts";
import { reasonIn, type SourceError } from "./source-error.ts";

export interface FileLimits {
  readonly maxBytes: number;
  /** Bytes that stay free on the disk. */
  readonly minFreeBytes: number;
}

/** Bytes between two checks of the free disk space. */
const ROOM_CHECK_BYTES = 64 * 1024 * 1024;
const NOT_A_VIDEO: Partial<Record<Signature, string>> = {
  html: "a web page",
  playlist: "a playlist that names other files",
  text: "a text file",
  sound: "a sound file",
  form: "a web form with a file in it",
  other: "another kind of file",
  empty: "empty",
};

interface DownloadChecksOptions {
  readonly part: PartFile;
  /** The path of the file. */
  readonly file: string;
  readonly limits: FileLimits;
  /** Whether the file must be a video. */
  readonly onlyVideo: boolean;
  /** What to do about a link that leads to a web page, where that is known. */
  readonly pageAdvice: () => string | null;
}

/** What a file must satisfy while it arrives. Each check returns the error that ends the download, or null. */
export class DownloadChecks {
  readonly #options: DownloadChecksOptions;
  #isHeadChecked = false;
  #roomCheckedAt = 0;

  constructor(options: DownloadChecksOptions) {
    this.#options = options;
  }

  /** Whether the first bytes are those of a video, or may be any. */
  get isHeadPassed(): boolean {
    return this.#isHeadChecked || !this.#options.onlyVideo;
  }

  /** The received bytes were discarded. */
  reset(): void {
    this.#isHeadChecked = false;
    this.#roomCheckedAt = 0;
  }

  size(): SourceError | null {
    const size = Math.max(this.#options.part.received, this.#options.part.total ?? 0);
    if (size <= this.#options.limits.maxBytes) return null;
    const detail = `The file is ${megabytes(size)} MB; the limit is ${megabytes(this.#options.limits.maxBytes)} MB.`;
    return { failure: failure("source_too_large", detail), isTransient: false };
  }

  /** Rejects web pages and other non-videos after their first bytes. */
  head(isComplete: boolean): SourceError | null {
    const { head } = this.#options.part;
    if (this.isHeadPassed) return null;
    if (head.length < SIGNATURE_BYTES && !isComplete) return null;
    this.#isHeadChecked = true;
    const signature = signatureOf(head);
    const what = NOT_A_VIDEO[signature];
    if (what === undefined) return null;
    const advice = signature === "html" ? this.#options.pageAdvice() : textAdvice(head);
    return { failure: failure("source_not_a_video", advice ?? `It is ${what}.`), isTransient: false };
  }

  /** Checks the free space again after `ROOM_CHECK_BYTES`. */
  async roomAgain(): Promise<SourceError | null> {
    if (this.#options.part.received - this.#roomCheckedAt < ROOM_CHECK_BYTES) return null;
    return this.room();
  }

  async room(): Promise<SourceError | null> {
    const { received, total } = this.#options.part;
    this.#roomCheckedAt = received;
    const { bavail, bsize } = await statfs(dirname(this.#options.file));
    const needed = (total ?? received) - received + this.#options.limits.minFreeBytes;
    if (bavail * bsize >= needed) return null;
    const detail = `The video needs ${megabytes(needed)} MB; ${megabytes(bavail * bsize)} MB are free.`;
    return { failure: failure("disk_full", detail), isTransient: false };
  }
}

/** What a text in place of the file says, where its kind is known. */
function textAdvice(head: Uint8Array): string | null {
  const text = Buffer.from(head).toString("utf8");
  if (text.startsWith("version https://git-lfs.github.com/spec/")) {
    return "It is a Git LFS pointer, not the file. Use the link of the repository's download button.";
  }
  const reason = reasonIn(text);
  return reason === "" ? null : `It is an error message${reason}.`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}
