import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a hostile file tries to open. */
export interface Bait {
  /** The path of a video that must not be read. */
  readonly path: string;
  /** http://host:port of a server that must not be connected to. */
  readonly origin: string;
}

/** Text files that name other files, for programs that detect formats by content. */
export const PLAYLISTS: Readonly<Record<string, (bait: Bait) => string>> = {
  "HLS of a file": ({ path }) => hls(`file://${path}`),
  "HLS of an address": ({ origin }) => hls(`${origin}/v.ts`),
  "HLS with a key": ({ path, origin }) =>
    `#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="${origin}/key"\n#EXTINF:9,\nfile://${path}\n#EXT-X-ENDLIST\n`,
  "HLS with a master playlist": ({ origin }) => `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${origin}/v.m3u8\n`,
  "HLS through concat": ({ path }) => hls(`concat:${path}|file:///etc/passwd`),
  "HLS through subfile": ({ path }) => hls(`subfile,,start,0,end,0,,:${path}`),
  DASH: ({ origin }) =>
    `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>${origin}/v.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>`,
  ffconcat: ({ path }) => `ffconcat version 1.0\nfile '${path}'\n`,
  "ffconcat of a name": ({ path }) => `ffconcat version 1.0\nfile ${path.slice(path.lastIndexOf("/") + 1)}\n`,
  M3U: ({ path }) => `#EXTM3U\n#EXTINF:9,video\n${path}\n`,
  PLS: ({ origin }) => `[playlist]\nNumberOfEntries=1\nFile1=${origin}/v.mp4\n`,
  SDP: ({ origin }) =>
    `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video ${new URL(origin).port} RTP/AVP 96\na=rtpmap:96 H264/90000\n`,
  SMIL: ({ origin }) => `<smil><body><video src="${origin}/v.mp4"/></body></smil>`,
  XSPF: ({ origin }) =>
    `<?xml version="1.0"?><playlist version="1"><trackList><track><location>${origin}/v.mp4</location></track></trackList></playlist>`,
  "an image list": ({ path }) => `${path}\n`,
  "a drawing that includes a file": ({ path }) =>
    `<svg xmlns="http://www.w3.org/2000/svg"><image href="file://${path}"/></svg>`,
};

function hls(address: string): string {
  return `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${address}\n#EXT-X-ENDLIST\n`;
}

const TEST_PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=10:d=2"];
const BLACK = (size: string) => ["-f", "lavfi", "-i", `color=black:s=${size}:r=2:d=1`];
const MP4 = ["-c:v", "mpeg4", "-q:v", "3", "-f", "mp4"];
const PNG_MKV = ["-c:v", "png", "-f", "matroska"];
const MKV = ["-c:v", "ffv1", "-f", "matroska"];

/** Files that some versions of ffmpeg refuse, and others read whole. */
export const READ_BY_SOME: ReadonlySet<string> = new Set([
  "an index with more entries than any memory holds",
]);

/** Makes each file in `dir` as `source`, one at a time, with the failure expected for it. */
export const BROKEN_VIDEOS: readonly (readonly [
  name: string,
  code: string,
  make: (dir: string, bait: Bait) => Promise<void>,
])[] = [
  ["no bytes at all", "video_corrupt", (dir) => write(dir, Buffer.alloc(0))],
  ["zeros", "video_unsupported", (dir) => write(dir, Buffer.alloc(10_000))],
  ["the beginning of a header", "video_corrupt", (dir) => cut(dir, [...TEST_PICTURE, ...MP4], () => 40)],
  ["a file cut before its index", "video_corrupt", (dir) => cut(dir, [...TEST_PICTURE, ...MP4], indexStart)],
  [
    "a file cut within its index",
    "video_corrupt",
    (dir) => cut(dir, [...TEST_PICTURE, ...MP4], (bytes) => indexStart(bytes) + 200),
  ],
  [
    "an index with more entries than any memory holds",
    "video_corrupt",
    (dir) =>
      patch(dir, [...TEST_PICTURE, ...MP4], (bytes) => {
        bytes.writeUInt32BE(0x7fffffff, bytes.indexOf("stco") + 8);
        return bytes;
      }),
  ],
  [
    "a file with an index and no data",
    "video_corrupt",
    (dir) =>
      cut(dir, [...TEST_PICTURE, ...MP4, "-movflags", "+faststart"], (bytes) => bytes.indexOf("mdat") + 40),
  ],
  [
    "noise for pictures",
    "video_corrupt",
    (dir) =>
      patch(dir, [...TEST_PICTURE, ...MP4], (bytes) => {
        let state = 1;
        for (let at = bytes.indexOf("mdat") + 4; at < indexStart(bytes); at++) {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          bytes[at] = state >>> 24;
        }
        return bytes;
      }),
  ],
  [
    "a QuickTime file whose pictures are in another file",
    "video_corrupt",
    (dir, { path }) =>
      patch(dir, [...TEST_PICTURE, ...MP4], (bytes) => {
        // The data reference says "in this file"; let it name another one, and take this one's data away.
        bytes.fill(0, bytes.indexOf("mdat") + 4, indexStart(bytes));
        const reference = bytes.indexOf("url ", bytes.indexOf("dref"));
        bytes.writeUInt32BE(0, reference + 4);
        return growBox(bytes, reference - 4, Buffer.from(`file://${path}\0`));
      }),
  ],
  ["sound only", "video_no_stream", (dir) => make(dir, ["-f", "lavfi", "-i", "sine=d=2", "-f", "matroska"])],
  [
    "subtitles only",
    "video_no_stream",
    async (dir) => {
      await writeFile(join(dir, "subtitles.srt"), "1\n00:00:00,000 --> 00:00:09,000\nHello\n");
      await make(dir, ["-i", "subtitles.srt", "-c:s", "srt", "-f", "matroska"]);
    },
  ],
  [
    "sound with an attachment whose name is a path",
    "video_no_stream",
    async (dir) => {
      await writeFile(join(dir, "attachment.txt"), "attached");
      const attachment = ["-attach", "attachment.txt", "-metadata:s:t", "mimetype=text/plain"];
      const name = ["-metadata:s:t:0", "filename=../../attachment-escaped"];
      await make(dir, ["-f", "lavfi", "-i", "sine=d=2", ...attachment, ...name, "-f", "matroska"]);
    },
  ],
  [
    "pictures of one pixel",
    "video_size_unsupported",
    (dir) => make(dir, [...BLACK("64x64"), "-vf", "scale=1:1,format=rgb24", ...PNG_MKV]),
  ],
  [
    "pictures declared as huge",
    "video_size_unsupported",
    (dir) =>
      patch(dir, [...BLACK("512x512"), ...MKV], (bytes) => {
        // PixelWidth and PixelHeight.
        const size = bytes.indexOf(Buffer.from([0xb0, 0x82, 0x02, 0x00, 0xba, 0x82, 0x02, 0x00]));
        bytes.writeUInt16BE(0x4000, size + 2);
        bytes.writeUInt16BE(0x4000, size + 6);
        return bytes;
      }),
  ],
  [
    "half a megabyte that decompresses to hundreds",
    "video_size_unsupported",
    (dir) => make(dir, [...BLACK("10240x10240"), "-frames:v", "1", "-pix_fmt", "gray", ...PNG_MKV]),
  ],
  [
    "two pictures declared to last for weeks",
    "too_few_frames",
    (dir) =>
      make(dir, [...BLACK("64x64"), "-vf", "settb=1,setpts=N*1000000", "-fps_mode", "passthrough", ...MKV]),
  ],
];

function make(dir: string, args: readonly string[]): Promise<void> {
  const command = ["-nostdin", "-v", "error", "-y", ...args, "source"];
  execFileSync("ffmpeg", command, { cwd: dir, stdio: ["ignore", "ignore", "inherit"], timeout: 60_000 });
  return Promise.resolve();
}

function write(dir: string, bytes: Buffer): Promise<void> {
  return writeFile(join(dir, "source"), bytes);
}

async function cut(dir: string, args: readonly string[], at: (bytes: Buffer) => number): Promise<void> {
  await make(dir, args);
  const bytes = await readFile(join(dir, "source"));
  await write(dir, bytes.subarray(0, at(bytes)));
}

async function patch(dir: string, args: readonly string[], change: (bytes: Buffer) => Buffer): Promise<void> {
  await make(dir, args);
  const bytes = await readFile(join(dir, "source"));
  await write(dir, change(bytes));
}

/** Where the box `moov` begins, which holds the index. */
function indexStart(bytes: Buffer): number {
  return bytes.indexOf("moov") - 4;
}

/** Appends to the box at `at`, and makes room in all the boxes around it. */
function growBox(bytes: Buffer, at: number, extra: Buffer): Buffer {
  const end = at + bytes.readUInt32BE(at);
  const outer = ["moov", "trak", "mdia", "minf", "dinf", "dref"].map((name) => bytes.indexOf(name) - 4);
  for (const box of [...outer, at]) bytes.writeUInt32BE(bytes.readUInt32BE(box) + extra.length, box);
  return Buffer.concat([bytes.subarray(0, end), extra, bytes.subarray(end)]);
}
