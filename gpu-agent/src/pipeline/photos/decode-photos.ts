import { existsSync } from "node:fs";
import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { err, type Failure, ok, printable, type Result } from "@splatt/shared";
import sharp from "sharp";
import { z } from "zod";
import { PACKAGE_DIR } from "../../installation.ts";
import { runTool, type ToolExit } from "../../processes/run-tool.ts";
import { frameSize } from "../frames/frame-size.ts";
import { blockMeans } from "../frames/repeats.ts";
import { sharpnessOf } from "../frames/sharpness.ts";
import type { StageContext } from "../stage.ts";
import type { Photo } from "./choose-photos.ts";
import { photoDetails } from "./exif.ts";

/** Size at which photos are compared: the same for all, whatever their resolution. */
const GREY = { width: 640, height: 480 };
/** Ample for photos of 200 megapixels on a slow core. */
const TIMEOUT_MS = 15 * 60_000;
const MAX_REASON_CHARS = 200;
/** More than the EXIF data of a batch. What a decoder that was taken over prints beyond it is dropped. */
const MAX_ANSWER_BYTES = 32 * 1024 ** 2;
const MAX_FRAME_BYTES = 64 * 1024 ** 2;
const OTHER_PICTURE = "its decoder returned another picture";

export type DecodedPhoto = Omit<Photo, "path">;

const Answer = z.union([
  z.object({ error: z.string() }),
  z.object({
    width: z.int().positive(),
    height: z.int().positive(),
    exif: z.base64().nullable(),
  }),
]);
type Answer = z.infer<typeof Answer>;

export interface EncodedPhoto {
  readonly bytes: Buffer;
  /** Where the JPEG goes, in the stage's folder. */
  readonly to: string;
}

export interface PhotoDecoding {
  readonly maxLongSide: number;
  /** Do not turn photos upright: camera poses refer to the pixels as they are stored. */
  readonly asStored?: boolean;
}

/**
 * Decodes photos in a process that is confined like ffmpeg: a photo that takes over its decoder reaches neither the
 * network, nor files, nor the agent's secrets.
 */
export class PhotoDecoder {
  readonly #decoding: PhotoDecoding;
  readonly #context: StageContext;
  readonly #program: string;
  readonly isConfined: boolean;

  private constructor(decoding: PhotoDecoding, context: StageContext, program: string, isConfined: boolean) {
    this.#decoding = decoding;
    this.#context = context;
    this.#program = program;
    this.isConfined = isConfined;
  }

  /** Tries whether the program starts confined; on an unusual installation it may not. */
  static async start(
    decoding: PhotoDecoding,
    context: StageContext,
    program = PROGRAM,
  ): Promise<PhotoDecoder> {
    const confined = new PhotoDecoder(decoding, context, program, true);
    const trial = await confined.#run([]);
    if (trial.ok && trial.value.exitCode === 0) return confined;
    const why = trial.ok ? trial.value.tail.join("\n") : trial.error;
    context.log.warn({ why }, "the photo decoder does not start confined; photos are decoded unconfined");
    return new PhotoDecoder(decoding, context, program, false);
  }

  /** @returns for each photo what it is, or why it cannot be used */
  async decode(photos: readonly EncodedPhoto[]): Promise<Result<Result<DecodedPhoto, string>[], Failure>> {
    const names = photos.map((_, index) => `encoded_${index}`);
    const files = names.map((name) => join(this.#context.dir, name));
    try {
      for (const [index, { bytes }] of photos.entries()) await writeFile(files[index] ?? "", bytes);
      const answers = await this.#answers(names);
      if (!answers.ok) return answers;
      const decoded: Result<DecodedPhoto, string>[] = [];
      for (const [index, answer] of answers.value.entries()) {
        decoded.push(await this.#accept(answer, `${files[index]}.jpg`, photos[index]?.to ?? ""));
      }
      return ok(decoded);
    } finally {
      for (const file of files.flatMap((each) => [each, `${each}.jpg`])) await rm(file, { force: true });
    }
  }

  /** The program's answers. A photo at which it ends without one is left out, and the others follow. */
  async #answers(names: readonly string[]): Promise<Result<Answer[], Failure>> {
    const answers: Answer[] = [];
    while (answers.length < names.length) {
      const run = await this.#run(names.slice(answers.length));
      if (!run.ok) return run;
      const lines = run.value.stdout
        .split("\n")
        .slice(0, -1)
        .slice(0, names.length - answers.length);
      answers.push(...lines.map(parseAnswer));
      if (answers.length < names.length) answers.push({ error: "it ends the decoder" });
    }
    return ok(answers);
  }

  async #run(
    names: readonly string[],
  ): Promise<Result<Pick<ToolExit, "exitCode" | "tail"> & { readonly stdout: string }, Failure>> {
    const { dir: cwd, signal, toolOutput } = this.#context;
    const chunks: Buffer[] = [];
    let received = 0;
    const run = await runTool({
      file: process.execPath,
      args: [
        this.#program,
        String(this.#decoding.maxLongSide),
        this.#decoding.asStored ? "stored" : "upright",
        ...names,
      ],
      cwd,
      signal,
      timeoutMs: TIMEOUT_MS,
      silenceMs: TIMEOUT_MS,
      onLine: toolOutput,
      onBytes: (chunk) => {
        received += chunk.length;
        if (received <= MAX_ANSWER_BYTES) chunks.push(chunk);
      },
      ...(this.isConfined ? { confine: { reads: programFolders() } } : {}),
    });
    if (!run.ok) return run;
    return ok({ ...run.value, stdout: Buffer.concat(chunks).toString() });
  }

  /** Takes over a frame, if it is what the program says. */
  async #accept(answer: Answer, frame: string, to: string): Promise<Result<DecodedPhoto, string>> {
    if ("error" in answer) return err(printable(answer.error, MAX_REASON_CHARS));
    const { width, height, exif } = answer;
    try {
      if ((await stat(frame)).size > MAX_FRAME_BYTES) return err(OTHER_PICTURE);
      // What is checked is what is used.
      const bytes = await readFile(frame);
      if (!isJpeg(bytes)) return err(OTHER_PICTURE);
      const found = await sharp(bytes).metadata();
      const expected = frameSize({ width, height }, this.#decoding.maxLongSide);
      if (found.width !== expected.width || found.height !== expected.height) {
        return err(OTHER_PICTURE);
      }
      const data = await sharp(bytes)
        .greyscale()
        .resize({ ...GREY, fit: "fill" })
        .raw()
        .toBuffer();
      await rename(frame, to);
      return ok({
        width,
        height,
        details: photoDetails(exif === null ? undefined : Buffer.from(exif, "base64")),
        sharpness: sharpnessOf(data, GREY),
        blocks: blockMeans(data, GREY),
      });
    } catch (error) {
      return err(printable(String(error), MAX_REASON_CHARS));
    }
  }
}

const PROGRAM = fileURLToPath(new URL("./decode-photos-program.ts", import.meta.url));

/** What the program reads: this package's code without its settings, and the installed packages. */
function programFolders(): string[] {
  const sharpFile = createRequire(import.meta.url).resolve("sharp");
  const installed = sharpFile.slice(0, sharpFile.indexOf(NODE_MODULES) + NODE_MODULES.length);
  const own = ["package.json", "node_modules", "src", "dist"].map((name) => join(PACKAGE_DIR, name));
  return [...new Set([installed, ...own])].filter((path) => existsSync(path));
}

const NODE_MODULES = "/node_modules";

/** Of the decoders of libvips, only that of JPEG may read outside the sandbox what a decoder wrote. */
function isJpeg(bytes: Buffer): boolean {
  return bytes.subarray(0, 3).equals(JPEG_START);
}

const JPEG_START = Buffer.from([0xff, 0xd8, 0xff]);

function parseAnswer(line: string): Answer {
  try {
    return Answer.parse(JSON.parse(line));
  } catch {
    return { error: "its decoder gave no answer" };
  }
}
