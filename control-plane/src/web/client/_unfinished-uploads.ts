const ENDS_BYTES = 256 * 1024;
const KEY = "splatt.unfinished-uploads";
const MAX_REMEMBERED = 20;

/** Recognizes a file after a reload by its name, its size and a hash of its ends: hashing all of it would take minutes. */
export async function fingerprint(file: File): Promise<string> {
  const ends = new Blob([file.slice(0, ENDS_BYTES), file.slice(Math.max(0, file.size - ENDS_BYTES))]);
  const named = new Blob([`${file.name}\n${file.size}\n`, ends]);
  const bytes = await named.arrayBuffer();
  // Web Crypto exists on secure pages only; without it, a simple sum of the same bytes tells files apart.
  if (crypto.subtle === undefined) return `${file.name} ${file.size} ${sum(new Uint8Array(bytes))}`;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The upload of this file that was begun before; null when there is none. */
export function rememberedUpload(id: string): string | null {
  return read().find(([known]) => known === id)?.[1] ?? null;
}

/** @param uploadId null when the upload is used */
export function rememberUpload(id: string, uploadId: string | null): void {
  const others = read().filter(([known]) => known !== id);
  const all: [string, string][] = uploadId === null ? others : [[id, uploadId], ...others];
  localStorage.setItem(KEY, JSON.stringify(all.slice(0, MAX_REMEMBERED)));
}

function read(): [string, string][] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? (stored as [string, string][]) : [];
  } catch {
    return [];
  }
}

function sum(bytes: Uint8Array): number {
  let result = 0;
  for (const byte of bytes) result = (Math.imul(result, 31) + byte) | 0;
  return result;
}
