/** The smallest sample clip of which COLMAP reliably registers every frame. */
export const SMALLEST_CLIP = { width: 240, height: 180, seconds: 3, fps: 4 };
