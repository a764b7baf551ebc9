import { TAR_BLOCK } from "@splatt/shared";
import { zipSync } from "fflate";

export interface TarMember {
  readonly path: string;
  readonly data?: Uint8Array;
  /** "0" is a file, "2" a symbolic link. */
  readonly type?: string;
  /** What the header says, where that differs from the data. */
  readonly size?: number;
}

export function tarOf(members: readonly TarMember[]): Buffer {
  const blocks = members.flatMap(({ path, data = new Uint8Array(), type = "0", size = data.length }) => {
    const header = Buffer.alloc(TAR_BLOCK);
    header.write(path, 0, 100);
    header.write("0000644\0", 100);
    header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write(type, 156);
    header.write("ustar\u000000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const padding = Buffer.alloc((TAR_BLOCK - (data.length % TAR_BLOCK)) % TAR_BLOCK);
    return [header, Buffer.from(data), padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * TAR_BLOCK)]);
}

export function zipOf(files: Readonly<Record<string, Uint8Array>>, level: 0 | 9 = 0): Buffer {
  return Buffer.from(zipSync(files, { level }));
}

const [LOCAL, CENTRAL] = [0x04034b50, 0x02014b50];

/** Changes each entry's record in the central directory, or each local header. */
export function patchZip(
  zip: Buffer,
  record: "central" | "local",
  patch: (at: number, zip: Buffer) => unknown,
): Buffer {
  const signature = record === "central" ? CENTRAL : LOCAL;
  for (let at = 0; at + 4 <= zip.length; at++) if (zip.readUInt32LE(at) === signature) patch(at, zip);
  return zip;
}
