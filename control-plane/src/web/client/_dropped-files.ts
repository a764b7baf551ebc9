import type { ChosenFile } from "./_scene.ts";

/** As many as an archive may have. */
const MAX_FILES = 10_000;
/** What operating systems leave in folders. */
const LITTER = /^\.|^(?:__MACOSX|Thumbs\.db|desktop\.ini)$/i;

interface Dropped {
  readonly chosen: readonly ChosenFile[];
  /** The name of the folder, when one was dropped alone. */
  readonly folder: string | null;
}

/** The dropped files, and those in dropped folders. */
export async function droppedFiles({ items }: DataTransfer): Promise<Dropped> {
  // The browser empties the list when the event is over.
  const dropped = [...items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const chosen: ChosenFile[] = [];
  for (const { entry, file } of dropped) {
    const root = dropped.length === 1 ? "" : `${entry?.name}/`;
    if (entry !== null && isDirectory(entry)) await collect(entry, root, chosen);
    else if (file !== null) chosen.push({ path: file.name, file });
  }
  const [only, ...others] = dropped;
  const isFolder = only?.entry?.isDirectory === true && others.length === 0;
  return { chosen, folder: isFolder ? (only.entry?.name ?? null) : null };
}

async function collect(
  directory: FileSystemDirectoryEntry,
  path: string,
  chosen: ChosenFile[],
): Promise<void> {
  const reader = directory.createReader();
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (entries.length === 0) return;
    for (const entry of entries) {
      if (LITTER.test(entry.name) || chosen.length >= MAX_FILES) continue;
      if (isDirectory(entry)) await collect(entry, `${path}${entry.name}/`, chosen);
      else if (isFile(entry)) {
        const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
        chosen.push({ path: path + entry.name, file });
      }
    }
  }
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}
