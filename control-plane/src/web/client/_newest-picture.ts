import { discard } from "./_discard.ts";

const INTERVAL_MS = 5000;

/**
 * The newest picture of a splat that is being trained. It is asked for at most every few seconds, and only while seen.
 */
export class NewestPicture {
  readonly #stage: HTMLElement;
  readonly #url: string;
  #askedAt = Number.NEGATIVE_INFINITY;
  #etag: string | null = null;
  #shown: string | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(stage: HTMLElement, url: string) {
    this.#stage = stage;
    this.#url = url;
  }

  /** There may be a new picture: shows it, now or when the interval is over. */
  update(): void {
    const wait = this.#askedAt + INTERVAL_MS - performance.now();
    if (this.#timer !== null || document.visibilityState !== "visible") return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        void this.#show();
      },
      Math.max(0, wait),
    );
  }

  /** Until there is a picture, the stage keeps its words. */
  async #show(): Promise<void> {
    this.#askedAt = performance.now();
    const response = await fetch(this.#url, { cache: "no-cache" }).catch(() => null);
    if (response === null) return;
    const etag = response.headers.get("etag");
    if (!response.ok || (etag !== null && etag === this.#etag)) return discard(response);
    const shown = URL.createObjectURL(await response.blob());
    const picture = new Image();
    picture.className = "newest";
    picture.alt = "The splat so far";
    picture.src = shown;
    try {
      await picture.decode();
    } catch {
      URL.revokeObjectURL(shown);
      return;
    }
    this.#stage.replaceChildren(picture);
    if (this.#shown !== null) URL.revokeObjectURL(this.#shown);
    this.#shown = shown;
    this.#etag = etag;
  }
}
