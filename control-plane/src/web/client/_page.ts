import { showControls } from "../visible-controls.ts";

/** The elements that a page's server-rendered HTML has for its script. */

/** How long a page whose control plane cannot be reached waits before it tries again. */
export const RECONNECT_MS = 3000;

export function all<T extends HTMLElement = HTMLElement>(selector: string): NodeListOf<T> {
  return document.querySelectorAll<T>(selector);
}

export function required(selector: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(selector);
  if (element === null) throw new Error(`The page lacks ${selector}`);
  return element;
}

export function setText(selector: string, text: string): void {
  for (const element of all(selector)) element.textContent = showControls(text);
}

/** A page in a tab that nobody looks at is not painted. */
const MOST_WAIT_MS = 2000;

/** Resolves when the page is on the screen for the first time. */
export function afterPaint(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, MOST_WAIT_MS);
    new PerformanceObserver((paints) => {
      if (paints.getEntriesByName("first-contentful-paint").length > 0) resolve();
    }).observe({ type: "paint", buffered: true });
  });
}
