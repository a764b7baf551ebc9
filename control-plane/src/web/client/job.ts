import { drawCameraPath } from "./_camera-path.ts";
import { keepFresh } from "./_fresh.ts";
import { showHeldOut } from "./_held-out.ts";
import type { CameraFile } from "./_viewer-settings.ts";

const head = document.querySelector<HTMLElement>("[data-job]");
if (head?.dataset.ended === undefined) keepFresh(3000);

for (const element of document.querySelectorAll<HTMLElement>("[data-held-out]")) {
  await showHeldOut(element, element.dataset.heldOut ?? "");
}
for (const element of document.querySelectorAll<HTMLElement>("[data-camera-path]")) {
  const response = await fetch(element.dataset.cameraPath ?? "");
  if (response.ok) drawCameraPath(element, (await response.json()) as CameraFile);
}
