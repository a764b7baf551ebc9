/** Of each way to lead ffmpeg elsewhere, and of each kind of broken file, the one that a change would break first. */
export const TELLING = new Set([
  "HLS of a file",
  "HLS with a key",
  "DASH",
  "ffconcat of a name",
  "SDP",
  "a drawing that includes a file",
  "no bytes at all",
  "a file cut before its index",
  "an index with more entries than any memory holds",
  "noise for pictures",
  "a QuickTime file whose pictures are in another file",
  "sound only",
  "pictures declared as huge",
  "half a megabyte that decompresses to hundreds",
]);
