import readExif, { type Exif } from "exif-reader";

/** What a camera wrote about a photo, as far as it is plausible. */
export interface PhotoDetails {
  /** Identifies the camera and its lens; "" when unknown. */
  readonly camera: string;
  /** The focal length as a multiple of the picture's diagonal; null when unknown. */
  readonly focal: number | null;
  /** Local time in milliseconds, for comparison only; null when unknown. */
  readonly time: number | null;
  /** Where the photo was taken; null when unknown. */
  readonly position: Position | null;
}

export interface Position {
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
  /** Metres above the sea; null when unknown. */
  readonly altitude: number | null;
}

export const NO_DETAILS: PhotoDetails = { camera: "", focal: null, time: null, position: null };

/** Millimetres: the diagonal of 35 mm film, to which equivalent focal lengths refer. */
const FILM_DIAGONAL = Math.hypot(36, 24);
/** Views of 160° to 4° along the diagonal. */
const [MIN_FOCAL, MAX_FOCAL] = [0.09, 15];

/** @param exif the block as stored in the file; a damaged one counts as absent */
export function photoDetails(exif: Buffer | undefined): PhotoDetails {
  if (exif === undefined) return NO_DETAILS;
  try {
    const tags = readExif(exif);
    return { camera: cameraOf(tags), focal: focalOf(tags), time: timeOf(tags), position: positionOf(tags) };
  } catch {
    return NO_DETAILS;
  }
}

function cameraOf({ Image, Photo }: Exif): string {
  const words = [Image?.Make, Image?.Model, Photo?.LensModel].filter((word) => typeof word === "string");
  // The focal length tells the lenses of a phone apart, and the settings of a zoom.
  const focal = Photo?.FocalLength;
  return [...words, ...(isPositive(focal) ? [`${focal.toFixed(1)} mm`] : [])].join(" ");
}

function focalOf({ Photo }: Exif): number | null {
  const equivalent = Photo?.FocalLengthIn35mmFilm;
  if (isPositive(equivalent)) return plausible(equivalent / FILM_DIAGONAL);
  const [focal, perUnit] = [Photo?.FocalLength, Photo?.FocalPlaneXResolution];
  const [width, height] = [Photo?.PixelXDimension, Photo?.PixelYDimension];
  // Pixels per inch, centimetre or millimetre of the sensor.
  const unit = new Map([
    [2, 25.4],
    [3, 10],
    [4, 1],
  ]).get(Photo?.FocalPlaneResolutionUnit ?? 2);
  if (!isPositive(focal) || !isPositive(perUnit) || !isPositive(width) || !isPositive(height)) return null;
  return unit === undefined ? null : plausible((focal * perUnit) / unit / Math.hypot(width, height));
}

function plausible(focal: number): number | null {
  return focal >= MIN_FOCAL && focal <= MAX_FOCAL ? focal : null;
}

function timeOf({ Image, Photo }: Exif): number | null {
  const date = Photo?.DateTimeOriginal ?? Photo?.DateTimeDigitized ?? Image?.DateTime;
  if (!(date instanceof Date) || Number.isNaN(date.getTime())) return null;
  const fraction = Number(`0.${String(Photo?.SubSecTimeOriginal ?? "0").trim()}`);
  return date.getTime() + (fraction >= 0 && fraction < 1 ? Math.round(1000 * fraction) : 0);
}

function positionOf({ GPSInfo }: Exif): Position | null {
  const latitude = degrees(GPSInfo?.GPSLatitude, GPSInfo?.GPSLatitudeRef, "S", 90);
  const longitude = degrees(GPSInfo?.GPSLongitude, GPSInfo?.GPSLongitudeRef, "W", 180);
  // Receivers without a fix write zeros.
  if (latitude === null || longitude === null || (latitude === 0 && longitude === 0)) return null;
  const height = GPSInfo?.GPSAltitude;
  const sign = GPSInfo?.GPSAltitudeRef === 1 ? -1 : 1;
  return { latitude, longitude, altitude: isNumber(height) ? sign * height : null };
}

function degrees(parts: unknown, reference: unknown, negative: string, most: number): number | null {
  if (!Array.isArray(parts)) return null;
  const [whole, minutes = 0, seconds = 0] = parts;
  if (!isNumber(whole) || !isNumber(minutes) || !isNumber(seconds)) return null;
  const value = whole + minutes / 60 + seconds / 3600;
  if (value > most) return null;
  return String(reference).startsWith(negative) ? -value : value;
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isPositive(value: unknown): value is number {
  return isNumber(value) && value > 0;
}
