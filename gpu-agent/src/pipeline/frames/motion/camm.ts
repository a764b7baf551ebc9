import type { Reading } from "./reading.ts";

/** The type of a packet with the accelerometer's reading (developers.google.com/streetview/publish/camm-spec). */
const ACCELERATION = 3;

/**
 * The accelerometer's reading in one sample of a Camera Motion Metadata track, if it has one. How its axes lie in the
 * camera is the application's business.
 */
export function accelerationInCamm(sample: Buffer): Reading[] {
  if (sample.length < 16 || sample.readUInt16LE(2) !== ACCELERATION) return [];
  return [
    {
      isKnown: false,
      acceleration: [sample.readFloatLE(4), sample.readFloatLE(8), sample.readFloatLE(12)],
    },
  ];
}
