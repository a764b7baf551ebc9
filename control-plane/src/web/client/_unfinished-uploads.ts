const ENDS_BYTES = 256 * 1024;
const KEY = "splatt.unfinished-uploads";
/** More than a scene has. */
const MAX_REMEMBERED = 500;

/** An upload that was begun in this browser. No key and no part of the file is kept. */
export interface UnfinishedUpload {
  readonly fingerprint: string;
  readonly uploadId: string;
  /** Of the scene that the file belongs to. */
  readonly name: string;
}

/** Chosen files do not change. */
const known = new WeakMap<File, Promise<string>>();

export function fingerprintOf(file: File): Promise<string> {
  const fingerprint = known.get(file) ?? hashEnds(file);
  known.set(file, fingerprint);
  return fingerprint;
}

/**
 * Recognizes a file after a reload by its name, its size and a hash of its ends: hashing all of it would take minutes.
 */
async function hashEnds(file: File): Promise<string> {
  const ends = new Blob([file.slice(0, ENDS_BYTES), file.slice(Math.max(0, file.size - ENDS_BYTES))]);
  const named = new Blob([`${file.name}\n${file.size}\n`, ends]);
  const bytes = await named.arrayBuffer();
  // Web Crypto exists on secure pages only; without it, a simple sum of the same bytes tells files apart.
  if (crypto.subtle === undefined) return `${file.name} ${file.size} ${sum(new Uint8Array(bytes))}`;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Newest first. */
export function unfinishedUploads(): UnfinishedUpload[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isUnfinishedUpload) : [];
  } catch {
    return [];
  }
}

/** @returns the id of the upload of a file that was begun in this browser */
export function unfinishedUpload(fingerprint: string): string | undefined {
  return unfinishedUploads().find((upload) => upload.fingerprint === fingerprint)?.uploadId;
}

export function rememberUpload(upload: UnfinishedUpload): void {
  write([upload, ...unfinishedUploads().filter(({ fingerprint }) => fingerprint !== upload.fingerprint)]);
}

export function forgetUpload(fingerprint: string): void {
  write(unfinishedUploads().filter((upload) => upload.fingerprint !== fingerprint));
}

function write(uploads: readonly UnfinishedUpload[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(uploads.slice(0, MAX_REMEMBERED)));
  } catch {
    // A browser may forbid storage. Then an upload does not survive a reload.
  }
}

function isUnfinishedUpload(value: unknown): value is UnfinishedUpload {
  if (typeof value !== "object" || value === null) return false;
  const { fingerprint, uploadId, name } = value as Record<string, unknown>;
  return [fingerprint, uploadId, name].every((field) => typeof field === "string");
}

function sum(bytes: Uint8Array): number {
  let result = 0;
  for (const byte of bytes) result = (Math.imul(result, 31) + byte) | 0;
  return result;
}
