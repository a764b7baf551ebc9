import type { Context } from "hono";

/** Characters that some file system refuses, that end a line, or that turn the direction of the text around them. */
const UNFIT =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among them
  /[\u0000-\u001f\u007f-\u009f"*/:<>?\\|\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const MAX_PREFIX = 100;
/** Windows opens a device under these names, whatever extension follows. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)/i;

/** The name under which a browser saves a result file: downloads of several jobs do not overwrite each other. */
export function downloadName(prefix: string, filename: string): string {
  const start = [...prefix.replaceAll(UNFIT, "_")].slice(0, MAX_PREFIX).join("");
  // A leading dot would hide the file, and a leading dash reads as an option.
  const safe = start.trim().replace(/^[.-]+/, "");
  const fit = fitName(filename);
  return safe === "" ? fit : `${safe}-${fit}`;
}

/** Names for files that are unpacked into one folder, on any file system: an agent chose them. */
export function archiveNames(filenames: readonly string[]): string[] {
  const taken = new Set<string>();
  return filenames.map((filename) => {
    const name = fitName(filename);
    let free = name;
    for (let number = 2; taken.has(folded(free)); number += 1) free = numbered(name, number);
    taken.add(folded(free));
    return free;
  });
}

/** A name that every file system takes as it is. Windows drops dots and spaces at the end. */
function fitName(filename: string): string {
  const name = filename
    .replaceAll(UNFIT, "_")
    .replace(/[. ]+$/, "_")
    .replace(/^[ -]+/, "_");
  return DEVICE.test(name) ? `_${name}` : name;
}

/**
 * The same for names that differ only in case or in the encoding of accents: some file systems take them for one file.
 */
function folded(name: string): string {
  return name.normalize("NFC").toLowerCase();
}

function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf(".");
  const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  return `${stem} (${number})${extension}`;
}

/** Whether the file is to be shown in the browser instead of saved. Of a repeated parameter, the last counts. */
export function isShown(c: Context): boolean {
  return c.req.queries("download")?.at(-1) === "0";
}
