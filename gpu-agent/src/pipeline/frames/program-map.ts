/** An entry of a transport stream's program map (ISO 13818-1, 2.4.4): a stream and its codec. */
export interface MappedStream {
  /** The packets' identifier. */
  readonly id: number;
  readonly type: number;
  /** Where the map's packet begins. */
  readonly at: number;
}

const PACKET_BYTES = 188;
const PROGRAM_MAP = 0x02;

/**
 * Reads the program maps in a part of a transport stream. A map that fills more than a packet is skipped: one of a
 * video with its sound does not.
 *
 * @param grid where the first packet is, and the bytes from one to the next
 */
export function mappedStreams(
  bytes: Buffer,
  { first, step }: { readonly first: number; readonly step: number },
): MappedStream[] {
  const streams: MappedStream[] = [];
  for (let at = first; at + PACKET_BYTES <= bytes.length; at += step) {
    const section = sectionIn(bytes.subarray(at, at + PACKET_BYTES));
    if (section === null) continue;
    for (const entry of entries(section)) streams.push({ ...entry, at });
  }
  return streams;
}

/** The program map that begins in a packet, from its table's identifier on. */
function sectionIn(packet: Buffer): Buffer | null {
  const starts = ((packet[1] ?? 0) & 0x40) !== 0;
  const control = (packet[3] ?? 0) & 0x30;
  if (!starts || (control & 0x10) === 0) return null;
  const payload = control === 0x30 ? 5 + (packet[4] ?? 0) : 4;
  const section = packet.subarray(payload + 1 + (packet[payload] ?? 0));
  if (section.length < 12 || section[0] !== PROGRAM_MAP || ((section[1] ?? 0) & 0xf0) !== 0xb0) return null;
  const length = section.readUInt16BE(1) & 0xfff;
  return length >= 13 && 3 + length <= section.length ? section.subarray(0, 3 + length) : null;
}

function* entries(section: Buffer): Generator<Omit<MappedStream, "at">> {
  let at = 12 + (section.readUInt16BE(10) & 0xfff);
  // The section ends with a checksum of four bytes.
  while (at + 5 <= section.length - 4) {
    yield { id: section.readUInt16BE(at + 1) & 0x1fff, type: section[at] ?? 0 };
    at += 5 + (section.readUInt16BE(at + 3) & 0xfff);
  }
}
