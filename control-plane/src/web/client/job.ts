import type { Coverage, JobLogs, PhotoSheet } from "@splatt/shared";
import { drawCameraPath } from "./_camera-path.ts";
import { type Curves, drawCurves } from "./_chart.ts";
import { addCopyButtons } from "./_copy.ts";
import { drawCoverageMap } from "./_coverage-map.ts";
import { discard } from "./_discard.ts";
import { LogView } from "./_log-view.ts";
import { afterPaint, all, RECONNECT_MS, required } from "./_page.ts";
import { showContactSheet, showHeldOut } from "./_photo-sheet.ts";
import type { CameraFile } from "./_viewer-settings.ts";

const LOG_LINES = 300;

/** What is used here of metrics.json. Files of earlier versions lack parts. */
interface Metrics {
  readonly curves?: Curves | null;
  readonly views?: { readonly sheet?: Partial<PhotoSheet> | null } | null;
}

const { job: id = "", ended, results } = required("[data-job]").dataset;
addCopyButtons();
if (ended === undefined) {
  // With the client and the schemas of what is watched, which are most of a page's scripts.
  const live = await import("./_live-job.ts").catch(() => null);
  await (live === null ? reloadWhenReachable() : live.watchJob(id));
} else {
  // What is seen first, the picture and the splat, is not delayed by what is further down.
  await afterPaint();
  await Promise.all([showStoredLog(), showMetrics(), showCameraPath(), showCoverage()]);
}

/** For a line that was cut while the page loaded. A browser may not ask again for a script that failed once. */
async function reloadWhenReachable(): Promise<void> {
  for (const element of all("[data-disconnected]")) element.hidden = false;
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  // A page that was loaded again in vain, as where something keeps this script away, does not ask often.
  const waitMs = navigation?.type === "reload" ? 10 * RECONNECT_MS : RECONNECT_MS;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const response = await fetch(location.href, { signal: AbortSignal.timeout(waitMs) }).catch(() => null);
    if (response !== null) return location.reload();
  }
}

async function showStoredLog(): Promise<void> {
  for (const element of all("[data-log='stored']")) {
    const log = await read<JobLogs>(`/jobs/${encodeURIComponent(id)}/logs?from=${-LOG_LINES}`);
    if (log !== null) new LogView(element).append(log.lines);
  }
}

/** Draws what metrics.json has: the curves of the training, and where each photo of the sheet is. */
async function showMetrics(): Promise<void> {
  if (results === undefined) return;
  const metrics = await read<Metrics>(`${results}/metrics.json`);
  if (metrics?.curves) drawCurves(required("[data-metrics]"), metrics.curves);
  const sheet = metrics?.views?.sheet;
  if (!sheet || !isComplete(sheet)) return;
  const url = `${results}/${encodeURIComponent(sheet.file)}`;
  for (const card of all("[data-held-out]")) {
    card.hidden = sheet.rows.length === 0;
    showHeldOut(required("[data-pairs]"), url, sheet);
  }
  for (const card of all("[data-contact-sheet]")) {
    card.hidden = false;
    showContactSheet(required("[data-frames]"), url, sheet);
  }
}

function isComplete(sheet: Partial<PhotoSheet>): sheet is PhotoSheet {
  return sheet.total !== undefined && sheet.contact !== undefined;
}

async function showCameraPath(): Promise<void> {
  for (const element of all("[data-camera-path]")) {
    const cameras = await read<CameraFile>(element.dataset.cameraPath ?? "");
    if (cameras !== null) drawCameraPath(element, cameras);
  }
}

async function showCoverage(): Promise<void> {
  for (const card of all("[data-coverage]")) {
    const coverage = await read<Coverage>(card.dataset.coverage ?? "");
    if (coverage !== null) drawCoverageMap(card, coverage);
  }
}

/** @returns null for a file that the job does not have, or that did not arrive */
async function read<T>(url: string): Promise<T | null> {
  try {
    const response = await fetch(url);
    if (response.ok) return (await response.json()) as T;
    await discard(response);
    return null;
  } catch {
    // The line was cut. The page says so, as for a script that is lost.
    document.documentElement.dataset.lost = "";
    return null;
  }
}
