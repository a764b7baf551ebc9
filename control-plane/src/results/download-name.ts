/** Characters that some file system refuses, that end a line, or that turn the direction of the text around them. */
const UNFIT =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among them
  /[\u0000-\u001f\u007f-\u009f"*/:<>?\\|\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const MAX_PREFIX = 100;

/** The name under which a browser saves a result file: downloads of several jobs do not overwrite each other. */
export function downloadName(prefix: string, filename: string): string {
  const start = [...prefix.replaceAll(UNFIT, "_")].slice(0, MAX_PREFIX).join("");
  // A leading dot would hide the file, and a leading dash reads as an option.
  const safe = start.trim().replace(/^[.-]+/, "");
  return safe === "" ? filename : `${safe}-${filename}`;
}
