import { element, range } from "./_chart.ts";
import type { CameraFile } from "./_viewer-settings.ts";

const WIDTH = 400;
const HEIGHT = 260;
const MARGIN = 22;
/** More cameras than this hide each other. */
const MAX_CAMERAS = 60;
/** From where the drawing looks: turned about the vertical axis, and from above. */
const TURN = 0.5;
const ELEVATION = 0.6;
/** Of a drawn camera, relative to the extent of the capture. */
const CAMERA_SIZE = 0.07;
const GROUND_POINTS = 48;

type Vector = readonly [x: number, y: number, z: number];

/** Draws the cameras of a capture in space: where each stood and looked, around the subject in the middle. */
export function drawCameraPath(container: Element, { frames, w, h, fl_x: focal }: CameraFile): void {
  const step = Math.max(1, Math.ceil(frames.length / MAX_CAMERAS));
  const cameras = frames.map(({ transform_matrix: m }) => {
    const column = (index: number): Vector => [m[0]?.[index] ?? 0, m[1]?.[index] ?? 0, m[2]?.[index] ?? 0];
    return { position: column(3), right: column(0), up: column(1), back: column(2) };
  });
  const extent = Math.max(0.01, ...cameras.map(({ position }) => Math.hypot(...position)));
  const size = CAMERA_SIZE * extent;
  const [halfWidth, halfHeight] = [(0.5 * w) / focal, (0.5 * h) / focal];
  const frusta = cameras
    .filter((_, index) => index % step === 0)
    .map(({ position, right, up, back }) => {
      const corner = (x: number, y: number): Vector =>
        sum(position, [right, x * halfWidth * size], [up, y * halfHeight * size], [back, -size]);
      return { position, corners: [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)] };
    });
  const ground = Array.from({ length: GROUND_POINTS }, (_, index): Vector => {
    const angle = (2 * Math.PI * index) / GROUND_POINTS;
    return [extent * Math.cos(angle), extent * Math.sin(angle), 0];
  });
  const place = fitted([
    ...ground,
    ...cameras.map(({ position }) => position),
    ...frusta.flatMap(({ corners }) => corners),
  ]);
  const points = (list: readonly Vector[]) => list.map((vector) => place(vector).join(",")).join(" ");
  const [x = 0, y = 0] = place([0, 0, 0]);
  const svg = element("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": `The path of the camera around the subject, with ${cameras.length} placed frames`,
  });
  svg.append(
    element("polygon", { points: points(ground), class: "ground" }),
    element("circle", { cx: String(x), cy: String(y), r: "4", class: "subject" }),
    element("polyline", { points: points(cameras.map(({ position }) => position)), class: "path" }),
    ...frusta.map(({ position, corners: [a, b, c, d] }) => {
      const [at = "", ...ends] = [position, a, b, c, d].map((vector) => place(vector ?? position).join(" "));
      const edges = ends.map((end) => `M${at}L${end}`).join("");
      return element("path", { d: `M${ends.join("L")}Z${edges}`, class: "camera" });
    }),
  );
  container.replaceChildren(svg);
}

function sum(start: Vector, ...parts: readonly (readonly [vector: Vector, factor: number])[]): Vector {
  const component = (index: 0 | 1 | 2) =>
    parts.reduce((total, [vector, factor]) => total + factor * vector[index], start[index]);
  return [component(0), component(1), component(2)];
}

/** A projection under which all of the vectors fill the drawing. @returns where a vector is, in pixels */
function fitted(vectors: readonly Vector[]): (vector: Vector) => number[] {
  const [cosTurn, sinTurn] = [Math.cos(TURN), Math.sin(TURN)];
  const flat = ([x, y, z]: Vector) =>
    [
      x * cosTurn - y * sinTurn,
      -(x * sinTurn + y * cosTurn) * Math.sin(ELEVATION) - z * Math.cos(ELEVATION),
    ] as const;
  const all = vectors.map(flat);
  const [left, right] = range(all.map(([x]) => x));
  const [top, bottom] = range(all.map(([, y]) => y));
  const scale = Math.min((WIDTH - 2 * MARGIN) / (right - left), (HEIGHT - 2 * MARGIN) / (bottom - top));
  return (vector) => {
    const [x, y] = flat(vector);
    const px = WIDTH / 2 + (x - (left + right) / 2) * scale;
    const py = HEIGHT / 2 + (y - (top + bottom) / 2) * scale;
    return [Math.round(10 * px) / 10, Math.round(10 * py) / 10];
  };
}
