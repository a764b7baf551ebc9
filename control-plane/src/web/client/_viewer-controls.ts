/** What the buttons of SuperSplat's viewer, which are icons, are called. */
const NAMES: Readonly<Record<string, string>> = {
  "sse-play": "Play the fly-through",
  "sse-pause": "Pause the fly-through",
  "sse-orbitCamera": "Turn around the subject",
  "sse-flyCamera": "Fly",
  "sse-fpsCamera": "Walk",
  "sse-settings": "Settings of the viewer",
  "sse-controlsButton": "Show the controls",
  "sse-controlsHintClose": "Close the controls",
  "sse-info": "About the viewer, and its shortcuts",
  "sse-infoClose": "Close",
  "sse-arMode": "Augmented reality",
  "sse-vrMode": "Virtual reality",
  "sse-enterFullscreen": "Full screen",
  "sse-exitFullscreen": "Leave full screen",
  "sse-annotationPrev": "Previous annotation",
  "sse-annotationNext": "Next annotation",
};

/** Closes the panel of shortcuts, which would cover a part of the splat. */
export function closePanel(viewer: HTMLElement): void {
  viewer.querySelector<HTMLElement>(".sse-controlsHintClose")?.click();
}

/**
 * Names the buttons of the viewer for whoever does not see them, and keeps its panel's scrolling from moving the
 * camera.
 */
export function prepareControls(viewer: HTMLElement): void {
  for (const [name, label] of Object.entries(NAMES)) {
    for (const button of viewer.querySelectorAll(`.${name}`)) button.setAttribute("aria-label", label);
  }
  for (const canvas of viewer.querySelectorAll("canvas")) {
    canvas.role = "img";
    canvas.ariaLabel = "The splat. Arrow keys and W, A, S, D move the camera.";
  }
  for (const panel of viewer.querySelectorAll(".sse-infoPanelContent")) {
    for (const type of ["pointerdown", "wheel"])
      panel.addEventListener(type, (event) => event.stopPropagation());
  }
}
