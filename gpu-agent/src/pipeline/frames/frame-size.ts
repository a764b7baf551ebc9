/** The largest even size within the limit, never larger than the picture itself. */
export function frameSize(
  picture: { readonly width: number; readonly height: number },
  maxLongSide: number,
): { width: number; height: number } {
  const factor = Math.min(1, maxLongSide / Math.max(picture.width, picture.height));
  const even = (side: number) => Math.max(2, 2 * Math.floor((side * factor) / 2 + 1e-6));
  return { width: even(picture.width), height: even(picture.height) };
}
