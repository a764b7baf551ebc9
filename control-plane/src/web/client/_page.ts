/** The elements that a page's server-rendered HTML has for its script. */

export function all<T extends HTMLElement = HTMLElement>(selector: string): NodeListOf<T> {
  return document.querySelectorAll<T>(selector);
}

export function required(selector: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(selector);
  if (element === null) throw new Error(`The page lacks ${selector}`);
  return element;
}

export function setText(selector: string, text: string): void {
  for (const element of all(selector)) element.textContent = text;
}

/** Resolves when what the page has now is on the screen. */
export async function afterPaint(): Promise<void> {
  await new Promise((resolve) => requestAnimationFrame(resolve));
  // The callback comes before its frame is painted, a task after it.
  await new Promise((resolve) => setTimeout(resolve));
}
