import { type CaptureResult, createViewer } from "@playcanvas/supersplat-viewer/viewer";
import { type CameraFile, viewerSettings } from "./_viewer-settings.ts";

/** Fills the page's `[data-viewer]` element. Without WebGL, its poster stays. */
const container = document.querySelector<HTMLElement>("[data-viewer]");
if (container !== null) await open(container);

async function open(element: HTMLElement): Promise<void> {
  const { content = "", cameras = "", poster } = element.dataset;
  const button = document.querySelector<HTMLButtonElement>("[data-screenshot]");
  try {
    // The viewer's panel of shortcuts would cover a part of the splat. Whoever opens it finds it open again.
    localStorage.setItem("controlsPanelOpen", localStorage.getItem("controlsPanelOpen") ?? "false");
    // Both at once: the splat is on its way while the cameras are read.
    const contents = fetch(content);
    const settings = fetch(cameras).then(async (response) =>
      viewerSettings((await response.json()) as CameraFile, element.clientWidth / element.clientHeight),
    );
    const viewer = await createViewer({
      container: element,
      settings,
      contentUrl: new URL(content, location.href).href,
      contentFilename: "scene.sog",
      contents,
      ...(poster === undefined ? {} : { posterUrl: poster }),
      renderer: "webgl",
      noanim: true,
    });
    const ready = () => {
      element.dataset.state = "ready";
      if (button !== null) button.hidden = false;
    };
    if (viewer.state.loaded) ready();
    else viewer.events.once("loaded:changed", ready);
    button?.addEventListener("click", async () => {
      const width = element.clientWidth * devicePixelRatio;
      const height = element.clientHeight * devicePixelRatio;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(
        await pngOf(await viewer.captureFrame({ width: Math.round(width), height: Math.round(height) })),
      );
      link.download = "splat.png";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  } catch (error) {
    console.error(error);
    element.dataset.state = "failed";
    for (const note of document.querySelectorAll<HTMLElement>("[data-viewer-failed]")) note.hidden = false;
  }
}

/** @param frame its pixels are RGBA, by rows from the top, in base64 */
async function pngOf({ width, height, data }: CaptureResult): Promise<Blob> {
  const pixels = Uint8ClampedArray.from(atob(data), (character) => character.charCodeAt(0));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas.convertToBlob();
}
