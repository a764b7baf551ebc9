import { Splatt } from "splatt";
import { drawCameraPath } from "./_camera-path.ts";
import { addCopyButtons } from "./_copy.ts";
import { showHeldOut } from "./_held-out.ts";
import { watchJob } from "./_live-job.ts";
import { LogView } from "./_log-view.ts";
import { all, required } from "./_page.ts";
import type { CameraFile } from "./_viewer-settings.ts";

const LOG_LINES = 300;

const { job: id = "", ended } = required("[data-job]").dataset;
const client = new Splatt();
addCopyButtons();
if (ended === undefined) await watchJob(client, id);
else await Promise.all([showStoredLog(), showComparisons(), showCameraPath()]);

async function showStoredLog(): Promise<void> {
  for (const element of all("[data-log='stored']")) {
    const { lines } = await client.getJobLogs(id, { from: -LOG_LINES });
    new LogView(element).append(lines);
  }
}

async function showComparisons(): Promise<void> {
  for (const element of all("[data-held-out]")) await showHeldOut(element, element.dataset.heldOut ?? "");
}

async function showCameraPath(): Promise<void> {
  for (const element of all("[data-camera-path]")) {
    const response = await fetch(element.dataset.cameraPath ?? "");
    if (response.ok) drawCameraPath(element, (await response.json()) as CameraFile);
  }
}
