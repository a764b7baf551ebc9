/**
 * Replaces the page's content with the server's newest while somebody looks at it. Focus and scroll stay where they are,
 * because only elements that differ are replaced.
 */
export function keepFresh(intervalMs: number): void {
  let timer = 0;
  const refresh = async () => {
    if (document.visibilityState !== "visible") return;
    const response = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    // Signed out, or a problem: a reload by the person will say so.
    if (response === null || !response.ok || response.redirected) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = document.querySelector("[data-fresh]") ?? document.querySelector("main");
    const next = fresh.querySelector("[data-fresh]") ?? fresh.querySelector("main");
    if (now !== null && next !== null) morph(now, next);
  };
  const schedule = () => {
    clearInterval(timer);
    if (document.visibilityState === "visible") timer = setInterval(refresh, intervalMs);
  };
  document.addEventListener("visibilitychange", () => {
    void refresh();
    schedule();
  });
  schedule();
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
