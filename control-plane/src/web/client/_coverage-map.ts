import type { Coverage, CoverageCell, CoverageProblem } from "@splatt/shared";
import { showControls } from "../visible-controls.ts";
import { element } from "./_chart.ts";

/** What to do about each kind of badly covered surface. */
const REMEDIES: readonly (readonly [problem: CoverageProblem, what: string, remedy: string])[] = [
  ["few_cameras", "is in fewer than three frames", "Film it again, with much overlap between the frames."],
  ["one_side", "is seen from about the same side by all frames", "Film it again from further to the side."],
  [
    "differs",
    "came out different from the photos",
    "Film it again, closer and slowly, with nothing that moves.",
  ],
];
/** A share of the scene that is worth a line, in percent. */
const LEAST_PERCENT = 1;
/** In cells of the grid. */
const [CAMERA_LENGTH, CAMERA_WIDTH] = [0.9, 0.35];
const MARGIN = 1;

/** Everything above one square of the ground. */
interface Column {
  readonly x: number;
  readonly y: number;
  readonly weight: number;
  readonly bad: number;
  readonly cells: readonly CoverageCell[];
}

/** Draws the scene from above: where it is covered badly, and the cameras. Says what to film again. */
export function drawCoverageMap(card: HTMLElement, coverage: Coverage): void {
  const { cameras, cells, grid } = coverage;
  card.hidden = cells.length === 0;
  const [columnsAlong, rowsAlong] = grid.counts;
  // From above, north is up: y grows upwards.
  const top = (y: number) => rowsAlong - y;
  const inGrid = ([x, y]: readonly number[]) => [
    ((x ?? 0) - grid.origin[0]) / grid.size,
    top(((y ?? 0) - grid.origin[1]) / grid.size),
  ];
  const svg = element("svg", {
    viewBox: `${-MARGIN} ${-MARGIN} ${columnsAlong + 2 * MARGIN} ${rowsAlong + 2 * MARGIN}`,
    role: "img",
    "aria-label": `The scene from above: ${percent(coverage.badly_covered)} of it is badly covered`,
  });
  const columns = columnsOf(cells);
  const most = Math.max(...columns.map(({ weight }) => weight));
  svg.append(
    ...columns.map((column) => {
      const square = element("rect", {
        x: String(column.x),
        y: String(top(column.y + 1)),
        width: "1",
        height: "1",
        class: 2 * column.bad > column.weight ? "thin" : "covered",
        opacity: (0.3 + 0.7 * Math.sqrt(column.weight / most)).toFixed(2),
      });
      const title = element("title", {});
      title.textContent = describe(column);
      square.append(title);
      return square;
    }),
    element("polyline", {
      points: cameras.map(({ position }) => inGrid(position).join(",")).join(" "),
      class: "path",
    }),
    ...cameras.map(({ frame, position, direction: [dx, dy] }) => {
      const [x = 0, y = 0] = inGrid(position);
      const length = Math.hypot(dx, dy) || 1;
      const [ahead, aside] = [
        [(CAMERA_LENGTH * dx) / length, (-CAMERA_LENGTH * dy) / length],
        [(CAMERA_WIDTH * dy) / length, (CAMERA_WIDTH * dx) / length],
      ] as const;
      const corner = (side: 1 | -1) =>
        [x + (ahead[0] ?? 0) + side * (aside[0] ?? 0), y + (ahead[1] ?? 0) + side * (aside[1] ?? 0)].join(
          ",",
        );
      const camera = element("polygon", { points: `${x},${y} ${corner(1)} ${corner(-1)}`, class: "camera" });
      const title = element("title", {});
      title.textContent = showControls(frame);
      camera.append(title);
      return camera;
    }),
  );
  card.querySelector("[data-map]")?.replaceChildren(svg);
  card.querySelector("[data-advice]")?.replaceChildren(...adviceOf(coverage));
}

function columnsOf(cells: readonly CoverageCell[]): Column[] {
  return [...Map.groupBy(cells, ({ at: [x, y] }) => `${x} ${y}`).values()].map((above) => ({
    x: above[0]?.at[0] ?? 0,
    y: above[0]?.at[1] ?? 0,
    weight: sum(above),
    bad: sum(above.filter(({ problem }) => problem !== null)),
    cells: above,
  }));
}

function describe({ cells }: Column): string {
  const worst = cells.toSorted((a, b) => a.cameras - b.cameras)[0];
  const psnrs = cells.map(({ psnr }) => psnr).filter((psnr) => psnr !== null);
  const differs = psnrs.length === 0 ? "" : `; ${Math.min(...psnrs).toFixed(1)} dB on held-out photos`;
  const frames = worst?.cameras === 1 ? "1 frame" : `${worst?.cameras ?? 0} frames`;
  return `${frames}, from directions up to ${Math.round(worst?.spread_degrees ?? 0)}° apart${differs}`;
}

function adviceOf({ cells, badly_covered }: Coverage): HTMLElement[] {
  const lines = REMEDIES.map(([problem, what, remedy]) => ({
    share: sum(cells.filter((cell) => cell.problem === problem)),
    text: (share: number) => `${percent(share)} of the scene ${what}. ${remedy}`,
  }))
    .filter(({ share }) => 100 * share >= LEAST_PERCENT)
    .map(({ share, text }) => {
      const item = document.createElement("li");
      item.textContent = text(share);
      return item;
    });
  if (lines.length > 0) return lines;
  const item = document.createElement("li");
  item.textContent = `Nothing: ${percent(1 - badly_covered)} of the scene is well covered.`;
  return [item];
}

function sum(cells: readonly CoverageCell[]): number {
  return cells.reduce((total, { weight }) => total + weight, 0);
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
