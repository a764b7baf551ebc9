/** What an accelerometer measured. At rest it is what holds the camera against gravity: upwards. */
export interface Reading {
  /** m/s², along the axes of the camera: to the right, up and back, as it is usually held. */
  readonly acceleration: readonly [number, number, number];
  /** Whether the file names the axes. Otherwise they are the sensor's, in any position. */
  readonly isKnown: boolean;
}
