import { TAR_BLOCK, tarHeader, tarPadding, tarPath } from "@splatt/shared";

export interface PackedFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly content: Blob;
}

/**
 * Packs files into one tar, to upload: photos, videos of one scene, or a dataset. It is never written: its bytes are
 * read from the files while they are sent. The same files give the same bytes, so an interrupted upload can be
 * continued.
 */
export function packFiles(files: readonly PackedFile[]): Blob {
  const parts = files.flatMap(({ path, content }, index) => [
    tarHeader({ path: tarPath(path, index), size: content.size }),
    content,
    tarPadding(content.size),
  ]);
  return new Blob([...parts, new Uint8Array(2 * TAR_BLOCK)]);
}
