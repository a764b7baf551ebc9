import { count } from "../format.ts";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 400;
const HEIGHT = 120;

type Point = readonly [step: number, value: number];

/** Of a training: values by step. */
export interface Curves {
  readonly loss: readonly Point[];
  readonly psnr: readonly Point[];
  readonly gaussians: readonly Point[];
}

/** Draws each curve with at least two points into the card, over the same steps; without one, the card stays hidden. */
export function drawCurves(card: HTMLElement, { loss, psnr, gaussians }: Curves): void {
  const series = [
    { name: "Held-out PSNR", format: (value: number) => `${value.toFixed(1)} dB`, points: psnr },
    { name: "Loss", format: (value: number) => value.toPrecision(3), points: loss },
    { name: "Gaussians", format: count, points: gaussians },
  ].filter(({ points }) => points.length > 1);
  card.hidden = series.length === 0;
  const [first, last] = range(series.flatMap(({ points }) => points.map(([step]) => step)));
  card.querySelector("[data-chart]")?.replaceChildren(...series.map((one) => chart(one, [first, last])));
}

interface Series {
  readonly name: string;
  readonly format: (value: number) => string;
  readonly points: readonly Point[];
}

function chart({ name, format, points }: Series, steps: readonly [number, number]): Element {
  const figure = document.createElement("figure");
  figure.className = "chart";
  const caption = document.createElement("figcaption");
  const value = document.createElement("strong");
  value.textContent = format(points.at(-1)?.[1] ?? 0);
  caption.append(`${name} `, value);
  const line = polyline(points, steps);
  const svg = element("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  const [start = ""] = line.split(",");
  const end = line.slice(line.lastIndexOf(" ") + 1).split(",")[0] ?? "";
  svg.append(
    element("polygon", { points: `${start},${HEIGHT} ${line} ${end},${HEIGHT}`, class: "area" }),
    element("polyline", { points: line, class: "line" }),
  );
  const axis = document.createElement("div");
  axis.className = "axis";
  for (const step of steps) {
    const label = document.createElement("span");
    label.textContent = step === steps[1] ? `step ${count(step)}` : count(step);
    axis.append(label);
  }
  figure.append(caption, svg, axis);
  return figure;
}

/** The points of an SVG polyline that fills the chart. */
function polyline(points: readonly Point[], [left, right]: readonly [number, number]): string {
  const [low, high] = range(points.map(([, value]) => value));
  return points
    .map(([step, value]) => {
      const x = ((step - left) / (right - left)) * WIDTH;
      const y = HEIGHT - 4 - ((value - low) / (high - low)) * (HEIGHT - 8);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}

/** The least and the greatest value, never equal. */
export function range(values: readonly number[]): [low: number, high: number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return low === high ? [low - 1, high + 1] : [low, high];
}

export function element(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
