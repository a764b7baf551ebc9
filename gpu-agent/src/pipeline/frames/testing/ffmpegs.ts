import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";

export interface Ffmpeg {
  readonly version: string;
  readonly ffmpeg: string;
  readonly ffprobe: string;
}

/** Static builds of ffmpeg 9.0.2, 7.0.2 and 4.2.2. */
const WHEELS = ["imageio-ffmpeg==0.8.1", "imageio-ffmpeg==0.6.0", "imageio-ffmpeg==0.4.5"];
const WHEEL_FOLDER = join(import.meta.dirname, "../../../../node_modules/.cache/ffmpeg");

export function ffmpegOnPath(): Ffmpeg | null {
  return describe("ffmpeg");
}

/**
 * The ffmpegs that the environment variable `FFMPEGS` lists, separated by colons, and those of the wheels. A static
 * build without an ffprobe next to it uses the one on the PATH.
 */
export async function furtherFfmpegs(): Promise<Ffmpeg[]> {
  const listed = (process.env.FFMPEGS ?? "").split(":").filter((path) => path !== "");
  const fetched: string[] = [];
  for (const wheel of WHEELS) fetched.push(...(await fromWheel(wheel)));
  const found = [...listed, ...fetched].flatMap((path) => describe(path) ?? []);
  return found.filter(({ version }, i) => found.findIndex((other) => other.version === version) === i);
}

/** @returns nothing where pip or the network is missing, or where the wheel is for another kind of machine */
async function fromWheel(wheel: string): Promise<string[]> {
  const folder = join(WHEEL_FOLDER, wheel);
  const binaries = join(folder, "imageio_ffmpeg", "binaries");
  if (!existsSync(binaries)) {
    const options = ["--quiet", "--no-deps", "--only-binary=:all:", "--target", folder];
    await execa("python3", ["-m", "pip", "install", ...options, wheel], { reject: false, timeout: 120_000 });
  }
  if (!existsSync(binaries)) return [];
  const names = (await readdir(binaries)).filter((name) => name.startsWith("ffmpeg-"));
  return names.map((name) => join(binaries, name));
}

function describe(ffmpeg: string): Ffmpeg | null {
  try {
    const output = execFileSync(ffmpeg, ["-version"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const version = /^ffmpeg version \S+/.exec(output)?.[0];
    return version === undefined ? null : { version, ffmpeg, ffprobe: siblingFfprobe(ffmpeg) };
  } catch {
    return null;
  }
}

function siblingFfprobe(ffmpeg: string): string {
  const sibling = join(dirname(ffmpeg), "ffprobe");
  return ffmpeg !== "ffmpeg" && existsSync(sibling) ? sibling : "ffprobe";
}
