import { type CaptureResult, createViewer, type ViewerHandle } from "@playcanvas/supersplat-viewer/viewer";
import { discard } from "./_discard.ts";
import { closePanel, prepareControls } from "./_viewer-controls.ts";
import { type CameraFile, viewerSettings } from "./_viewer-settings.ts";

/** Fills the page's `[data-viewer]` element. Without WebGL, its poster stays. */
const container = document.querySelector<HTMLElement>("[data-viewer]");
if (container !== null) await open(container);

async function open(element: HTMLElement): Promise<void> {
  const { content = "", cameras = "", poster } = element.dataset;
  const fail = (error: unknown, reason: Reason = hasWebGl() ? "transfer" : "webgl") => {
    console.error(error);
    element.dataset.state = "failed";
    showReason(reason);
  };
  try {
    // Both at once: the splat is on its way while the cameras are read.
    // Of a streamed set, the engine fetches what is in view.
    const contents = content.endsWith("/lod-meta.json") ? {} : { contents: fetched(content) };
    const settings = fetched(cameras).then(async (response) =>
      viewerSettings((await response.json()) as CameraFile, element.clientWidth / element.clientHeight),
    );
    const preferences = recallPreferences();
    const viewer = await createViewer({
      container: element,
      settings,
      contentUrl: new URL(content, location.href).href,
      ...contents,
      ...(poster === undefined ? {} : { posterUrl: poster }),
      renderer: "webgl",
      noanim: true,
    });
    prepareControls(element);
    if (preferences === "refused") closePanel(element);
    const { graphicsDevice, assets } = viewer.app;
    assets.once("error", (error: unknown) => fail(error));
    // As when a telephone needs its memory for something else.
    graphicsDevice.canvas.addEventListener("webglcontextlost", (event) => fail(event, "lost"), {
      once: true,
    });
    if (preferences !== "chosen" && isSoftware(graphicsDevice)) viewer.state.performanceMode = true;
    const ready = () => {
      // A damaged file is loaded, and fails when it is decoded.
      if (element.dataset.state === "failed") return;
      element.dataset.state = "ready";
      showScreenshotButton(element, viewer);
    };
    if (viewer.state.loaded) ready();
    else viewer.events.once("loaded:changed", ready);
  } catch (error) {
    fail(error);
  }
}

/** @throws for an answer that is not a file, such as that of a session that has ended */
async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) {
    await discard(response);
    throw new Error(`${url}: ${response.status}`);
  }
  return response;
}

/**
 * Keeps the viewer's panel of shortcuts, which covers part of the splat, closed for visitors who have not opened it.
 *
 * @returns whether the visitor has chosen how sharp the viewer draws; a browser may refuse storage to a page in another
 *   site's frame
 */
function recallPreferences(): "chosen" | "none" | "refused" {
  try {
    localStorage.setItem("controlsPanelOpen", localStorage.getItem("controlsPanelOpen") ?? "false");
    return localStorage.getItem("performanceMode") === null ? "none" : "chosen";
  } catch {
    return "refused";
  }
}

/** Without a GPU, each frame takes a large part of a second, and half the resolution a quarter of that. */
function isSoftware(device: object): boolean {
  const name = "unmaskedRenderer" in device ? String(device.unmaskedRenderer) : "";
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
}

function hasWebGl(): boolean {
  return document.createElement("canvas").getContext("webgl2") !== null;
}

type Reason = "webgl" | "transfer" | "lost";

function showReason(reason: Reason): void {
  for (const note of document.querySelectorAll<HTMLElement>("[data-viewer-failed]")) {
    note.hidden = note.dataset.viewerFailed !== reason;
  }
}

function showScreenshotButton(element: HTMLElement, viewer: ViewerHandle): void {
  const button = document.querySelector<HTMLButtonElement>("[data-screenshot]");
  if (button === null) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
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
}

/** @param frame its pixels are RGBA, by rows from the top, in base64 */
async function pngOf({ width, height, data }: CaptureResult): Promise<Blob> {
  const pixels = Uint8ClampedArray.from(atob(data), (character) => character.charCodeAt(0));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas.convertToBlob();
}
