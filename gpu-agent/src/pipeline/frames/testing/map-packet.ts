/** A packet that begins a program map of one program. */
export function mapPacket(streams: readonly (readonly [id: number, type: number])[], table = 0x02): Buffer {
  const entries = streams.flatMap(([id, type]) => [type, 0xe0 | (id >> 8), id & 0xff, 0xf0, 0]);
  const section = [
    table,
    0xb0,
    13 + entries.length,
    0,
    1,
    0xc1,
    0,
    0,
    0xe1,
    0,
    0xf0,
    0,
    ...entries,
    0,
    0,
    0,
    0,
  ];
  const bytes = Buffer.alloc(188, 0xff);
  Buffer.from([0x47, 0x50, 0, 0x10, 0, ...section]).copy(bytes);
  return bytes;
}
