import { open } from "node:fs/promises";
import { readBytes } from "./iso-boxes.ts";

const MAX_LEADING_BYTES = 65_536;

/** What marks the beginning of a container that is read from its first byte on, in hex, and where in it the mark is. */
const BEGINNINGS: readonly (readonly [mark: string, at: number])[] = [
  ["66747970", 4], // MP4: the type of its first box, after its size
  ["1a45dfa3", 0], // Matroska
  ["415649204c495354", 8], // AVI: "AVI LIST"
  ["464c56010500000009", 0], // FLV with sound and pictures
  ["464c56010100000009", 0], // FLV with pictures alone
  ["4f6767530002", 0], // Ogg: its first page
  ["3026b2758e66cf11a6d900aa0062ce6c", 0], // ASF
];

/**
 * How many bytes come before the video in a file, such as the headers of a server's answer; 0 when no video is found.
 */
export async function leadingBytes(path: string): Promise<number> {
  await using file = await open(path);
  const head = await readBytes(file, 0, MAX_LEADING_BYTES);
  const starts = BEGINNINGS.map(([mark, at]) => head.indexOf(Buffer.from(mark, "hex")) - at);
  const [first = 0] = starts.filter((start) => start > 0).toSorted((a, b) => a - b);
  return first;
}
