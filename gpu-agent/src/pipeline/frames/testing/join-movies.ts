import { readFile, writeFile } from "node:fs/promises";
import { box, uint32 } from "./make-box.ts";

function boxesIn(bytes: Buffer): { type: string; whole: Buffer; body: Buffer }[] {
  const found = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const whole = bytes.subarray(at, at + bytes.readUInt32BE(at));
    found.push({ type: whole.toString("latin1", 4, 8), whole, body: whole.subarray(8) });
    at += whole.length;
  }
  return found;
}

function bodyOf(bytes: Buffer, [type = "", ...deeper]: readonly string[]): Buffer {
  const body = boxesIn(bytes).find((found) => found.type === type)?.body ?? Buffer.alloc(0);
  return deeper.length === 0 ? body : bodyOf(body, deeper);
}

/** The box at a path replaced by another one, and edit lists left out. */
function replaced(bytes: Buffer, [type, ...deeper]: readonly string[], by: Buffer): Buffer {
  return Buffer.concat(
    boxesIn(bytes).map((found) => {
      if (found.type === "edts") return Buffer.alloc(0);
      if (found.type !== type) return found.whole;
      return deeper.length === 0 ? by : box(found.type, replaced(found.body, deeper, by));
    }),
  );
}

const TABLE = ["trak", "mdia", "minf", "stbl"];

/**
 * Joins MP4s of one video track each as editors and cameras do that do not encode again: into one track, with the
 * sample description of each part. Their pictures must be stored in the order of presentation, at the same rate.
 *
 * @param parts each with the number, from 1, of its description; parts with the same number have the same one
 */
export async function joinMovies(
  file: string,
  parts: readonly { readonly file: string; readonly description: number }[],
): Promise<void> {
  const movies = await Promise.all(parts.map((part) => readFile(part.file)));
  const tables = movies.map((movie) => bodyOf(movie, ["moov", ...TABLE]));
  const entries = (name: string, from: number) => tables.map((table) => bodyOf(table, [name]).subarray(from));
  const counts = entries("stsz", 12).map((sizes) => sizes.length / 4);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const descriptions = [...new Map(parts.map(({ description }, i) => [description, entries("stsd", 8)[i]]))];
  const keys = entries("stss", 8).flatMap((numbers, i) => {
    const before = counts.slice(0, i).reduce((sum, count) => sum + count, 0);
    return Array.from({ length: numbers.length / 4 }, (_, k) => before + numbers.readUInt32BE(4 * k));
  });
  const step = bodyOf(tables[0] ?? Buffer.alloc(0), ["stts"]).readUInt32BE(12);
  const chunks = parts.flatMap(({ description }, i) => [i + 1, counts[i] ?? 0, description]);
  const media = movies.map((movie) => bodyOf(movie, ["mdat"]));
  const [first = Buffer.alloc(0)] = movies;
  const movieAt = (offsets: readonly number[]) => {
    const table = box(
      "stbl",
      box(
        "stsd",
        uint32(0, descriptions.length),
        ...descriptions.map(([, entry]) => entry ?? Buffer.alloc(0)),
      ),
      box("stts", uint32(0, 1, total, step)),
      box("stss", uint32(0, keys.length, ...keys)),
      box("stsz", uint32(0, 0, total), ...entries("stsz", 12)),
      box("stsc", uint32(0, parts.length, ...chunks)),
      box("stco", uint32(0, offsets.length, ...offsets)),
    );
    return box("moov", replaced(bodyOf(first, ["moov"]), TABLE, table));
  };
  const type = box("ftyp", bodyOf(first, ["ftyp"]));
  const start = type.length + movieAt(parts.map(() => 0)).length + 8;
  const offsets = media.map((_, i) => media.slice(0, i).reduce((sum, { length }) => sum + length, start));
  const movie = movieAt(offsets);
  movie.writeUInt32BE(total * step, movie.indexOf("mdhd") + 20);
  await writeFile(file, Buffer.concat([type, movie, box("mdat", ...media)]));
}
