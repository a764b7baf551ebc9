/** The file of a frame, by its number from 0. */
export function frameName(index: number): string {
  return `frame_${String(index + 1).padStart(5, "0")}.jpg`;
}
