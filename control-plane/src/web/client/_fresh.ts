/** Refreshes the page's content from the server every `intervalMs` while somebody looks at it. */
export function keepFresh(intervalMs: number): void {
  let timer = 0;
  const schedule = () => {
    clearInterval(timer);
    if (document.visibilityState !== "visible") return;
    void refresh();
    timer = setInterval(refresh, intervalMs);
  };
  document.addEventListener("visibilitychange", schedule);
  timer = setInterval(refresh, intervalMs);
}

/**
 * Replaces what the server renders differently now: every `[data-live]` element by its new version, or all of `main` on
 * a page without such elements. Elements that did not change stay, and with them focus and scroll position.
 */
export async function refresh(): Promise<void> {
  const response = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  // Signed out, or a problem: a reload by the person shows it.
  if (response === null || !response.ok || response.redirected) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const live = document.querySelectorAll<HTMLElement>("[data-live]");
  for (const now of live.length > 0 ? live : document.querySelectorAll("main")) {
    const name = now instanceof HTMLElement ? now.dataset.live : undefined;
    const next = fresh.querySelector(name === undefined ? "main" : `[data-live="${CSS.escape(name)}"]`);
    if (next !== null) morph(now, next);
  }
}

/** Makes `now` equal to `next`, keeping every element that is already right. */
export function morph(now: Element, next: Element): void {
  for (const { name } of [...now.attributes]) if (!next.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of next.attributes) {
    if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  }
  const old = [...now.childNodes];
  const wanted = [...next.childNodes];
  wanted.forEach((child, index) => {
    const present = old[index];
    if (present === undefined) now.append(document.importNode(child, true));
    else if (present instanceof Element && child instanceof Element && present.tagName === child.tagName) {
      if (!present.isEqualNode(child)) morph(present, child);
    } else if (!present.isEqualNode(child)) present.replaceWith(document.importNode(child, true));
  });
  for (const extra of old.slice(wanted.length)) extra.remove();
}
