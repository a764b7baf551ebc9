import { inputOptions } from "./probe.ts";

/** Lists the packets of all video streams, without decoding any. */
export function packetArguments(url: string): string[] {
  return [
    ...["-hide_banner", "-v", "level+warning"],
    ...inputOptions(),
    ...["-select_streams", "v"],
    ...["-show_entries", "packet=stream_index,pts,dts,duration,size,flags"],
    ...["-of", "compact=p=0:nk=0", url],
  ];
}

/** What a stream's packets declare about its pictures. Only decoding proves it. */
export interface PacketIndex {
  /** The time stamps in the order of presentation, in the stream's unit; null where the file has none. */
  readonly stamps: readonly (number | null)[];
  /** The duration of the last picture, in the stream's unit; null when the file does not declare it. */
  readonly lastDuration: number | null;
  /** Whether the file has decoding times only, as AVI does. */
  readonly decodingTimesOnly: boolean;
  /**
   * Whether the stamps rise from packet to packet: then they say nothing about pictures that are shown in another
   * order.
   */
  readonly inFileOrder: boolean;
  /** Whether the first packet is a key picture, so that each one can be decoded. */
  readonly startsWithKey: boolean;
  /** Whether parts of pictures are missing, as packets of a transport stream that were lost. */
  readonly incomplete: boolean;
}

/** ffprobe's message about a packet that is not whole. */
const CORRUPT = /Packet corrupt \(stream = (\d+), dts = (\d+)\)/;
const MAX_CORRUPT = 1000;

/** A gap between decoding times above this many usual steps starts a new stretch. */
const MAX_USUAL_STEPS = 1000;

/** Parses ffprobe's output for `packetArguments`, line by line. */
export class PacketCollector {
  readonly #streams = new Map<number, StreamPackets>();
  readonly #corrupt: { readonly stream: number; readonly dts: number }[] = [];
  #count = 0;

  /** The number of packets so far, of all streams. */
  get count(): number {
    return this.#count;
  }

  add(line: string): void {
    const fields = new Map(line.split("|").map((field) => splitOnce(field)));
    const stream = Number(fields.get("stream_index") ?? "x");
    const packets =
      this.#streams.get(stream) ?? new StreamPackets(fields.get("flags")?.includes("K") ?? false);
    if (!Number.isNaN(stream)) this.#streams.set(stream, packets);
    // D: decoded but not shown, before the point where an edit list begins. Empty: a dropped frame of an AVI.
    if (Number.isNaN(stream) || fields.get("flags")?.includes("D") || fields.get("size") === "0") return;
    this.#count++;
    const isKey = fields.get("flags")?.includes("K") ?? false;
    packets.add(number(fields.get("pts")), number(fields.get("dts")), number(fields.get("duration")), isKey);
  }

  /** Parses a message of ffprobe, which may come before or after its packet. */
  addMessage(line: string): void {
    const [, stream, dts] = CORRUPT.exec(line) ?? [];
    if (stream === undefined || this.#corrupt.length >= MAX_CORRUPT) return;
    this.#corrupt.push({ stream: Number(stream), dts: Number(dts) });
  }

  /** The number of packets of a stream. */
  countOf(stream: number): number {
    return this.#streams.get(stream)?.count ?? 0;
  }

  /** @returns null for a stream without packets */
  indexOf(stream: number): PacketIndex | null {
    const packets = this.#streams.get(stream);
    if (packets === undefined || packets.count === 0) return null;
    const incomplete = this.#corrupt.some((found) => found.stream === stream && packets.isInside(found.dts));
    return { ...packets.index(), incomplete };
  }
}

class StreamPackets {
  readonly #startsWithKey: boolean;
  /** The decoding times of the packets before a key picture. */
  readonly #ends = new Set<number>();
  readonly #pts: number[] = [];
  readonly #dts: number[] = [];
  #firstHasPts = false;
  #last = { stamp: Number.NEGATIVE_INFINITY, duration: Number.NaN };

  constructor(startsWithKey: boolean) {
    this.#startsWithKey = startsWithKey;
  }

  get count(): number {
    return this.#pts.length;
  }

  add(pts: number, dts: number, duration: number, isKey: boolean): void {
    if (isKey) this.#ends.add(this.#dts.at(-1) ?? Number.NaN);
    const stamp = Number.isNaN(pts) ? dts : pts;
    if (this.#pts.length === 0) this.#firstHasPts = !Number.isNaN(pts);
    if (!(stamp < this.#last.stamp)) this.#last = { stamp, duration };
    this.#pts.push(stamp);
    this.#dts.push(Number.isNaN(dts) ? stamp : dts);
  }

  /**
   * Whether other pictures depend on the packet. The counters of transport packets also begin again where segments or
   * recordings were joined, which looks like a loss at the end of the one before.
   */
  isInside(dts: number): boolean {
    return !this.#ends.has(dts) && dts !== this.#dts.at(-1);
  }

  index(): Omit<PacketIndex, "incomplete"> {
    const stamps: (number | null)[] = [];
    for (const [from, to] of this.#stretches()) {
      const stretch = Float64Array.from(this.#pts.slice(from, to)).sort();
      for (const stamp of stretch) stamps.push(Number.isNaN(stamp) ? null : stamp);
    }
    const { duration } = this.#last;
    return {
      stamps,
      lastDuration: duration > 0 ? duration : null,
      decodingTimesOnly: !this.#firstHasPts,
      inFileOrder: this.#pts.every((pts, i) => i === 0 || pts > (this.#pts[i - 1] ?? 0)),
      startsWithKey: this.#startsWithKey,
    };
  }

  /** Stretches with a continuous clock. Pictures are sorted only within a stretch. */
  *#stretches(): Generator<[from: number, to: number]> {
    const steps = Float64Array.from(this.#dts.slice(1), (dts, i) => dts - (this.#dts[i] ?? 0)).filter(
      (s) => s > 0,
    );
    const usual = steps.toSorted()[steps.length >> 1] ?? 1;
    let from = 0;
    for (let i = 1; i < this.#dts.length; i++) {
      const step = (this.#dts[i] ?? 0) - (this.#dts[i - 1] ?? 0);
      if (step >= 0 && step <= MAX_USUAL_STEPS * usual) continue;
      yield [from, i];
      from = i;
    }
    yield [from, this.#dts.length];
  }
}

function splitOnce(field: string): [name: string, value: string] {
  const at = field.indexOf("=");
  return [field.slice(0, at), field.slice(at + 1)];
}

function number(text: string | undefined): number {
  return text === undefined ? Number.NaN : Number(text);
}
