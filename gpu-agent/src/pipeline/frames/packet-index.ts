import { inputOptions } from "./probe.ts";

/** Lists the packets of all video streams, without decoding any. */
export function packetArguments(url: string): string[] {
  return [
    ...["-hide_banner", "-v", "error"],
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
}

/** A gap between decoding times above this many usual steps starts a new stretch. */
const MAX_USUAL_STEPS = 1000;

/** Parses ffprobe's output for `packetArguments`, line by line. */
export class PacketCollector {
  readonly #streams = new Map<number, StreamPackets>();
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
    packets.add(number(fields.get("pts")), number(fields.get("dts")), number(fields.get("duration")));
  }

  /** The number of packets of a stream. */
  countOf(stream: number): number {
    return this.#streams.get(stream)?.count ?? 0;
  }

  /** @returns null for a stream without packets */
  indexOf(stream: number): PacketIndex | null {
    return this.countOf(stream) > 0 ? (this.#streams.get(stream)?.index() ?? null) : null;
  }
}

class StreamPackets {
  readonly #startsWithKey: boolean;
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

  add(pts: number, dts: number, duration: number): void {
    const stamp = Number.isNaN(pts) ? dts : pts;
    if (this.#pts.length === 0) this.#firstHasPts = !Number.isNaN(pts);
    if (!(stamp < this.#last.stamp)) this.#last = { stamp, duration };
    this.#pts.push(stamp);
    this.#dts.push(Number.isNaN(dts) ? stamp : dts);
  }

  index(): PacketIndex {
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
