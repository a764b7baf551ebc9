const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 400;
const HEIGHT = 120;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly Point[];
}

/** Draws each series as a line over the same x axis, with its newest value in words: a chart that needs no legend. */
export function drawCharts(container: Element, series: readonly Series[]): void {
  container.replaceChildren(...series.filter(({ points }) => points.length > 1).map((one) => chart(one)));
}

function chart({ name, unit, points }: Series): Element {
  const figure = document.createElement("figure");
  figure.className = "chart";
  const caption = document.createElement("figcaption");
  const last = points.at(-1);
  caption.textContent = `${name} ${last === undefined ? "" : format(last.y)}${unit}`;
  const svg = element("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  svg.append(element("polyline", { points: polyline(points), class: "line" }));
  figure.append(caption, svg);
  return figure;
}

/** The points of an SVG polyline that fills the chart. */
export function polyline(points: readonly Point[]): string {
  const [left, right] = range(points.map(({ x }) => x));
  const [low, high] = range(points.map(({ y }) => y));
  return points
    .map(({ x, y }) => {
      const px = ((x - left) / (right - left)) * WIDTH;
      const py = HEIGHT - 4 - ((y - low) / (high - low)) * (HEIGHT - 8);
      return `${px.toFixed(1)},${py.toFixed(1)}`;
    })
    .join(" ");
}

function range(values: readonly number[]): [low: number, high: number] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return low === high ? [low - 1, high + 1] : [low, high];
}

function format(value: number): string {
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toPrecision(3);
}

export function element(name: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
