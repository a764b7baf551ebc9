import { element } from "./_chart.ts";
import type { CameraFile } from "./_viewer-settings.ts";

const SIZE = 200;
const MARGIN = 16;
const TICK = 12;

/** Draws the cameras of a capture from above: where each stood and looked, and the subject in the middle. */
export function drawCameraPath(container: Element, { frames }: CameraFile): void {
  const cameras = frames.map(({ transform_matrix: m }) => ({
    x: m[0]?.[3] ?? 0,
    y: m[1]?.[3] ?? 0,
    lookX: -(m[0]?.[2] ?? 0),
    lookY: -(m[1]?.[2] ?? 0),
  }));
  const extent = Math.max(0.01, ...cameras.flatMap(({ x, y }) => [Math.abs(x), Math.abs(y)]));
  const scale = (SIZE / 2 - MARGIN) / extent;
  const at = (x: number, y: number) => [SIZE / 2 + x * scale, SIZE / 2 - y * scale] as const;
  const svg = element("svg", {
    viewBox: `0 0 ${SIZE} ${SIZE}`,
    role: "img",
    "aria-label": "The cameras from above",
  });
  const path = cameras.map(({ x, y }) =>
    at(x, y)
      .map((value) => value.toFixed(1))
      .join(","),
  );
  svg.append(
    element("circle", { cx: String(SIZE / 2), cy: String(SIZE / 2), r: "3", class: "subject" }),
    element("polyline", { points: path.join(" "), class: "path" }),
    ...cameras.map(({ x, y, lookX, lookY }) => {
      const [px, py] = at(x, y);
      const length = Math.hypot(lookX, lookY) || 1;
      return element("line", {
        x1: px.toFixed(1),
        y1: py.toFixed(1),
        x2: (px + (lookX / length) * TICK).toFixed(1),
        y2: (py - (lookY / length) * TICK).toFixed(1),
        class: "camera",
      });
    }),
  );
  container.replaceChildren(svg);
}
