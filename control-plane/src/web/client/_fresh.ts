import { discard } from "./_discard.ts";

const IDLE_INTERVAL_MS = 15_000;
/** While the page shows something that is about to change, marked `data-changing`. */
const CHANGING_INTERVAL_MS = 3000;
/** What has not changed after ten minutes is awaited more slowly. */
const MAX_FAST_REFRESHES = 200;
/** A connection that died silently, as while a laptop slept, does not answer. */
const MOST_WAIT_MS = 30_000;

/** Refreshes the page's content from the server from time to time while somebody looks at it. */
export function keepFresh(onRefreshed: () => void = () => undefined): void {
  let timer = 0;
  let fast = 0;
  const schedule = () => {
    clearTimeout(timer);
    if (document.visibilityState !== "visible") return;
    const isChanging = fast < MAX_FAST_REFRESHES && document.querySelector("[data-changing]") !== null;
    if (isChanging) fast += 1;
    timer = setTimeout(refreshNow, isChanging ? CHANGING_INTERVAL_MS : IDLE_INTERVAL_MS);
  };
  const refreshNow = async () => {
    await refresh();
    onRefreshed();
    schedule();
  };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void refreshNow();
  });
  schedule();
}

/**
 * Replaces what the server renders differently now: every `[data-live]` element by its new version, or all of `main` on
 * a page without such elements. Elements that did not change stay, and with them focus and scroll position.
 */
export async function refresh(): Promise<void> {
  const options = { headers: { accept: "text/html" }, signal: AbortSignal.timeout(MOST_WAIT_MS) };
  const response = await fetch(location.href, options).catch(() => null);
  if (response === null) return;
  if (response.redirected) showSignedOut();
  // A problem: a reload by the person shows it.
  if (response.redirected || !response.ok) return discard(response);
  document.querySelector("[data-signed-out]")?.remove();
  const html = await response.text().catch(() => null);
  if (html === null) return;
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const live = document.querySelectorAll<HTMLElement>("[data-live]");
  for (const now of live.length > 0 ? live : document.querySelectorAll("main")) {
    const name = now instanceof HTMLElement ? now.dataset.live : undefined;
    const next = fresh.querySelector(name === undefined ? "main" : `[data-live="${CSS.escape(name)}"]`);
    if (next !== null) morph(now, next);
  }
}

/** The session has ended. What was typed stays on the page. */
function showSignedOut(): void {
  if (document.querySelector("[data-signed-out]") !== null) return;
  const notice = document.createElement("div");
  notice.className = "notice warn";
  notice.role = "status";
  notice.dataset.signedOut = "";
  const words = document.createElement("p");
  const link = document.createElement("a");
  link.href = `/?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = "Sign in again";
  words.append("You are signed out, and this page shows what was last known. ", link, ".");
  notice.append(words);
  document.querySelector("main")?.prepend(notice);
}

/** Makes `now` equal to `next`, keeping every element that is already right. */
export function morph(now: Element, next: Element): void {
  for (const { name } of [...now.attributes]) {
    // What the person has opened stays open.
    if (!next.hasAttribute(name) && name !== "open") now.removeAttribute(name);
  }
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
