import type { PhotoSheet } from "@splatt/shared";
import { showControls } from "../visible-controls.ts";

/** A part of a picture, in pixels. */
interface Cell {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** An element that shows one cell of the sheet, whatever its own size. */
function cut(url: string, { total }: PhotoSheet, { left, top, width, height }: Cell): HTMLElement {
  const picture = document.createElement("div");
  const { style } = picture;
  style.backgroundImage = `url("${url}")`;
  style.backgroundSize = `${(100 * total.width) / width}% ${(100 * total.height) / height}%`;
  style.backgroundPosition = `${percent(left, total.width - width)}% ${percent(top, total.height - height)}%`;
  return picture;
}

function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : (100 * part) / whole;
}

/** Shows each held-out photo over the splat from the same camera, with a slider between them. */
export function showHeldOut(container: HTMLElement, url: string, sheet: PhotoSheet): void {
  const { width, height, rows } = sheet;
  const figures = rows.map(({ psnr }, index) => {
    const cell = (column: 0 | 1) =>
      cut(url, sheet, { left: column * width, top: index * height, width, height });
    const splat = cell(1);
    splat.className = "splat";
    const pair = document.createElement("div");
    pair.className = "pair";
    pair.style.aspectRatio = `${width} / ${height}`;
    const figure = document.createElement("figure");
    figure.className = "held-out";
    const caption = document.createElement("figcaption");
    caption.textContent = `${psnr.toFixed(1)} dB`;
    pair.append(cell(0), splat, slider(index, splat));
    figure.append(pair, caption);
    return figure;
  });
  // Upright photos are narrow, so that they are not higher than the window.
  container.style.setProperty("--aspect", String(width / height));
  container.replaceChildren(...figures);
}

function slider(index: number, splat: HTMLElement): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "range";
  input.min = "0";
  input.max = "100";
  input.value = "50";
  input.setAttribute("aria-label", `Frame ${index + 1}: from the photo to the splat`);
  const move = () => {
    splat.style.setProperty("--shown", `${input.value}%`);
    input.setAttribute("aria-valuetext", `${input.value} % splat`);
  };
  input.addEventListener("input", move);
  move();
  return input;
}

/** Shows the frames of the capture in their order, and marks those that have no camera. */
export function showContactSheet(container: Element, url: string, sheet: PhotoSheet): void {
  const { top, columns, width, height, frames } = sheet.contact;
  const items = frames.map(({ frame, placed }, index) => {
    const item = document.createElement("li");
    const left = (index % columns) * width;
    const picture = cut(url, sheet, { left, top: top + Math.floor(index / columns) * height, width, height });
    picture.style.aspectRatio = `${width} / ${height}`;
    picture.role = "img";
    picture.ariaLabel = `${showControls(frame)}, ${placed ? "with a camera" : "without a camera"}`;
    picture.title = picture.ariaLabel;
    if (!placed) item.className = "lost";
    item.append(picture);
    return item;
  });
  container.replaceChildren(...items);
}
