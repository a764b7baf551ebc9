import { z } from "zod";
import { laxNumber } from "./lax-number.ts";
import { oneLine } from "./one-line.ts";

const PICTURE = {
  frame: laxNumber(z.int().min(1).max(1_000_000))
    .optional()
    .describe("The number in the frame's name: 12 is frame_00012.jpg."),
  sec: laxNumber(z.number().min(0).max(1e6))
    .optional()
    .describe("Seconds after the video's beginning: the frame nearest to it."),
  video: oneLine(z.string().min(1).max(300))
    .optional()
    .describe("With sec: the video's file name, where several were sent."),
  photo: oneLine(z.string().min(1).max(300))
    .optional()
    .describe("The photo's path in the archive, or its file name."),
};

type Picture = { readonly [field in keyof typeof PICTURE]?: z.infer<(typeof PICTURE)[field]> };

function namesOne({ frame, sec, photo, video }: Picture): boolean {
  const named = [frame, sec, photo].filter((given) => given !== undefined).length;
  return named === 1 && (video === undefined || sec !== undefined);
}

const ONE_PICTURE = { message: "Give exactly one of frame, sec and photo" };

/** A picture of the capture, which stands for its camera. */
export const PictureRef = z.object(PICTURE).refine(namesOne, ONE_PICTURE);
export type PictureRef = z.infer<typeof PictureRef>;

/** Where a picture shows a point. */
export const Sighting = z
  .object({
    ...PICTURE,
    x: laxNumber(z.number().min(0).max(1)).describe("From the picture's left edge, as a share of its width."),
    y: laxNumber(z.number().min(0).max(1)).describe("From the picture's top edge, as a share of its height."),
  })
  .refine(namesOne, ONE_PICTURE);
export type Sighting = z.infer<typeof Sighting>;

const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** A known distance, which tells the scale of the result. */
const ScaleReferenceFields = z
  .object({
    metres: laxNumber(z.number().positive().max(100_000)).describe("The distance between the two."),
    cameras: z
      .array(PictureRef)
      .length(2)
      .optional()
      .describe("The two cameras that are this far apart, by their pictures."),
    points: z
      .array(z.array(Sighting).min(2).max(16))
      .length(2)
      .optional()
      .describe("The two points that are this far apart, each by where two or more pictures show it."),
  })
  .superRefine(({ cameras, points }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: "custom", path: [path], message });
    if ((cameras === undefined) === (points === undefined))
      return refuse("cameras", "Give exactly one of cameras and points");
    if (cameras !== undefined && isSame(cameras[0], cameras[1]))
      refuse("cameras", "must be two different pictures");
    if (points !== undefined && isSame(points[0], points[1]))
      refuse("points", "must be two different points");
  });

const TEXT_FORM = 'must be "FIRST,SECOND=METRES", or an object with metres and cameras or points';

/**
 * A known distance in the scene. Also as a text: `12,40=0.8` for two cameras that are 0.8 m apart, each as a frame's
 * number, as seconds of the video (`2.5s`), or as a photo's name.
 */
export const ScaleReference = z.preprocess((value, context) => {
  if (typeof value !== "string") return value;
  const read = readText(value.trim());
  if (read !== null) return read;
  context.addIssue({ code: "custom", message: TEXT_FORM });
  return z.NEVER;
}, ScaleReferenceFields);
export type ScaleReference = z.infer<typeof ScaleReferenceFields>;

function readText(text: string): unknown {
  if (text.startsWith("{")) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
  const [, first, second, metres] = /^([^,]+),([^,]+)=([^,=]+)$/.exec(text) ?? [];
  if (first === undefined || second === undefined || metres === undefined) return null;
  return { metres: metres.trim(), cameras: [pictureOf(first.trim()), pictureOf(second.trim())] };
}

function pictureOf(text: string): Record<string, string> {
  if (/^\d+$/.test(text)) return { frame: text };
  const [, seconds] = /^(\d+(?:\.\d+)?)\s?s$/.exec(text) ?? [];
  return seconds === undefined ? { photo: text } : { sec: seconds };
}

/** The text that `ScaleReference` reads the same from. */
export function scaleReferenceText(reference: ScaleReference): string {
  const [first, second] = (reference.cameras ?? []).map(pictureText);
  const text = `${first},${second}=${reference.metres}`;
  const isReadBack = first !== undefined && isSame(ScaleReference.safeParse(text).data, reference);
  return isReadBack ? text : JSON.stringify(reference);
}

function pictureText({ frame, sec, photo }: PictureRef): string {
  if (frame !== undefined) return `${frame}`;
  return sec === undefined ? (photo ?? "") : `${sec}s`;
}
