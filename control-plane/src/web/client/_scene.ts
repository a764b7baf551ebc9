import { MAX_JOB_UPLOADS } from "@splatt/shared";
import { packFiles } from "splatt";

const VIDEO = /\.(?:mp4|m4v|mov|mkv|webm|avi|mts|m2ts|insv|3gp|mpe?g|wmv|flv|ogv)$/i;
const PHOTO = /\.(?:jpe?g|png|webp|avif|hei[cf])$/i;
const ARCHIVE = /\.(?:zip|tar|tgz|gz)$/i;
const MIN_PHOTOS = 8;

/** A file that somebody has chosen or dropped. */
export interface ChosenFile {
  /** Relative to the folder that was dropped, with slashes; of a file without a folder, its name. */
  readonly path: string;
  readonly file: File;
}

/** What is sent of the files that somebody has chosen. */
export interface Scene {
  /** What the page calls it, such as "yard.mp4 and 2 more". */
  readonly title: string;
  /** What its job is called, unless somebody types another name. */
  readonly name: string;
  /** How many files were chosen. */
  readonly count: number;
  /** Each is an upload. */
  readonly uploads: readonly File[];
  readonly size: number;
}

/**
 * Videos, also together with photos, are an upload each: each is recognized after a reload, and a cut costs one file's
 * part only. Photos alone, which are many and small, and folders with anything else, are one tar.
 *
 * @param folder the name of the folder that was dropped
 */
export function sceneOf(chosen: readonly ChosenFile[], folder: string | null = null): Scene {
  const { compare } = new Intl.Collator("en", { numeric: true });
  const sorted = chosen.toSorted((a, b) => compare(a.path, b.path));
  const files = sorted.map(({ file }) => file);
  const [first = "", ...others] = files.map(({ name }) => name);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  const name = folder ?? `${withoutExtension(first)}${more}`;
  const scene = { title: folder ?? `${first}${more}`, name, count: files.length, size };
  const areSent =
    files.length === 1 ||
    (files.length <= MAX_JOB_UPLOADS &&
      files.some(isVideo) &&
      files.every((file) => isVideo(file) || isPhoto(file)));
  if (areSent) return { ...scene, uploads: files };
  const areUnique = new Set(sorted.map(({ path }) => path)).size === sorted.length;
  const packed = packFiles(
    sorted.map(({ path, file }, i) => ({ path: areUnique ? path : `${i + 1}/${path}`, content: file })),
  );
  const tar = new File([packed], `${name}.tar`);
  return { ...scene, uploads: [tar], size: tar.size };
}

/** @returns why the files cannot be a scene; null when they can */
export function refusalOf(chosen: readonly ChosenFile[]): string | null {
  const files = chosen.map(({ file }) => file);
  const [first] = files;
  if (first === undefined) return "The folder has no files.";
  const empty = files.find(({ size }) => size === 0);
  if (empty !== undefined) return `${empty.name} is empty.`;
  const archive = files.length === 1 ? undefined : files.find(({ name }) => ARCHIVE.test(name));
  if (archive !== undefined)
    return `${archive.name} is an archive. Send it alone, or unpack it and send its files.`;
  if (files.length >= MIN_PHOTOS || !files.every(isPhoto)) return null;
  const photos = files.length === 1 ? `${first.name} is one photo` : `${files.length} photos are too few`;
  return `${photos}. Send a video, or at least ${MIN_PHOTOS} photos.`;
}

function withoutExtension(name: string): string {
  return name.replace(/(?:\.tar)?\.\w+$/, "");
}

function isVideo({ name, type }: File): boolean {
  return type.startsWith("video/") || VIDEO.test(name);
}

function isPhoto({ name, type }: File): boolean {
  return type.startsWith("image/") || PHOTO.test(name);
}
