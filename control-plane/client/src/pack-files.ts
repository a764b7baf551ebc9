import { TAR_BLOCK, tarHeader, tarPadding } from "@splatt/shared";

export interface PackedFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly content: Blob;
}

const MAX_PATH_BYTES = 100;

/**
 * Packs files into one tar, to upload: photos, videos of one scene, or a dataset. It is never written: its bytes are
 * read from the files while they are sent. The same files give the same bytes, so an interrupted upload can be
 * continued.
 */
export function packFiles(files: readonly PackedFile[]): Blob {
  const parts = files.flatMap(({ path, content }, index) => [
    tarHeader({ path: nameOf(path, index), size: content.size }),
    content,
    tarPadding(content.size),
  ]);
  return new Blob([...parts, new Uint8Array(2 * TAR_BLOCK)]);
}

/** The path; a name of ours for one that a tar header cannot hold. */
function nameOf(path: string, index: number): string {
  if (new TextEncoder().encode(path).length <= MAX_PATH_BYTES) return path;
  return `file_${index + 1}${/\.\w{1,10}$/.exec(path)?.[0] ?? ""}`;
}
