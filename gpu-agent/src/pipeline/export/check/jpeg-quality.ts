/** The luminance table of the JPEG standard (Annex K), which libjpeg scales by its quality. Its sum is enough here. */
const STANDARD_TABLE_SUM = 3688;

/**
 * The libjpeg quality, 1–100, whose quantisation is as coarse as that of a JPEG's luminance.
 *
 * @returns null when the file is not a JPEG, or has no quantisation table
 */
export function jpegQuality(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) return null;
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    const length = view.getUint16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length || marker === MARKER.startOfScan) return null;
    if (marker === MARKER.quantisationTables) {
      const table = firstTable(view, at + 4, end);
      return table === null ? null : qualityOf(table);
    }
    at = end;
  }
  return null;
}

const MARKER = { quantisationTables: 0xdb, startOfScan: 0xda } as const;

/** The first table of a segment; its precision is in the upper half of the byte before it. */
function firstTable(view: DataView, start: number, end: number): number[] | null {
  if (start >= end) return null;
  const isWide = view.getUint8(start) >> 4 !== 0;
  if (start + 1 + 64 * (isWide ? 2 : 1) > end) return null;
  return Array.from({ length: 64 }, (_, i) =>
    isWide ? view.getUint16(start + 1 + 2 * i) : view.getUint8(start + 1 + i),
  );
}

function qualityOf(table: readonly number[]): number {
  const percent = (100 * table.reduce((sum, value) => sum + value, 0)) / STANDARD_TABLE_SUM;
  const quality = percent <= 100 ? 100 - percent / 2 : 5000 / percent;
  return Math.min(100, Math.max(1, Math.round(quality)));
}
