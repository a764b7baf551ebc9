import { SplattClient } from "splatt";
import { drawCameraPath } from "./_camera-path.ts";
import { drawCharts, type Point } from "./_chart.ts";
import { refresh } from "./_fresh.ts";
import { showHeldOut } from "./_held-out.ts";
import { LogView } from "./_log-view.ts";
import type { CameraFile } from "./_viewer-settings.ts";

const LOG_LINES = 300;
const PREVIEW_INTERVAL_MS = 5000;

const head = document.querySelector<HTMLElement>("[data-job]");
const jobId = head?.dataset.job;
if (head !== null && jobId !== undefined) {
  const client = new SplattClient(location.origin, null);
  if (head.dataset.ended === undefined) await watch(client, jobId);
  else await showEnded(client, jobId);
}

/** Keeps the page live over one WebSocket, which costs nothing while nothing happens. */
async function watch(client: SplattClient, id: string): Promise<void> {
  const log = new LogView(required("[data-log]"));
  let logOf: string | null = null;
  const loss: Point[] = [];
  const psnr: Point[] = [];
  let pictureAt = 0;
  let shown: string | null = null;
  for await (const message of client.watch(id, { log: -LOG_LINES, metrics: 0 })) {
    switch (message.type) {
      case "job": {
        const state = `${message.job.status} ${message.job.attempt}`;
        if (shown !== null && shown !== state) await refresh();
        shown = state;
        break;
      }
      case "progress":
        showProgress(message.progress, message.message, message.eta_seconds);
        if (Date.now() - pictureAt > PREVIEW_INTERVAL_MS && document.visibilityState === "visible") {
          pictureAt = Date.now();
          showPicture();
        }
        break;
      case "log":
        if (logOf !== message.log) log.clear();
        logOf = message.log;
        log.append(message.lines);
        break;
      case "metrics":
        if (message.from === 0) for (const points of [loss, psnr]) points.length = 0;
        for (const point of message.points) {
          if (point.loss !== null) loss.push({ x: point.step, y: point.loss });
          if (point.psnr !== null) psnr.push({ x: point.step, y: point.psnr });
        }
        showCharts(loss, psnr);
        break;
    }
  }
  // The ended job has other content: the viewer, the report, the files.
  location.reload();
}

async function showEnded(client: SplattClient, id: string): Promise<void> {
  const { lines } = await client.logs(id, { from: -LOG_LINES });
  if (lines.length > 0) new LogView(required("[data-log]")).append(lines);
  for (const element of document.querySelectorAll<HTMLElement>("[data-held-out]")) {
    await showHeldOut(element, element.dataset.heldOut ?? "");
  }
  for (const element of document.querySelectorAll<HTMLElement>("[data-camera-path]")) {
    const response = await fetch(element.dataset.cameraPath ?? "");
    if (response.ok) drawCameraPath(element, (await response.json()) as CameraFile);
  }
}

function showProgress(percent: number, message: string, etaSeconds: number | null): void {
  const card = document.querySelector("[data-live='progress']");
  const bar = card?.querySelector("progress");
  if (bar) bar.value = percent;
  setText(card?.querySelector("[data-percent]"), `${percent} %`);
  setText(card?.querySelector("[data-message]"), message);
  setText(card?.querySelector("[data-eta]"), etaSeconds === null ? "" : `about ${words(etaSeconds)} left`);
}

/** The newest picture of the splat; it replaces the last one only when it is there. */
function showPicture(): void {
  const stage = document.querySelector<HTMLElement>("[data-preview]");
  if (stage === null) return;
  const picture = new Image();
  picture.className = "newest";
  picture.alt = "The splat so far";
  picture.addEventListener("load", () => stage.replaceChildren(picture));
  picture.src = `${stage.dataset.preview}?at=${Date.now()}`;
}

function showCharts(loss: readonly Point[], psnr: readonly Point[]): void {
  const card = document.querySelector<HTMLElement>("[data-metrics]");
  const chart = card?.querySelector("[data-chart]");
  if (!card || !chart) return;
  card.hidden = false;
  drawCharts(chart, [
    { name: "Held-out PSNR", unit: " dB", points: psnr },
    { name: "Loss", unit: "", points: loss },
  ]);
}

function words(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

function setText(element: Element | null | undefined, text: string): void {
  if (element) element.textContent = text;
}

function required(selector: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(selector);
  if (element === null) throw new Error(`The page lacks ${selector}`);
  return element;
}
