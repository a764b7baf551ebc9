const INTERVAL_MS = 5000;

/** The newest picture of a splat that is being trained. It is asked for at most every few seconds, and only while seen. */
export class NewestPicture {
  readonly #stage: HTMLElement;
  readonly #url: string;
  #askedAt = Number.NEGATIVE_INFINITY;
  #etag: string | null = null;
  #shown: string | null = null;

  constructor(stage: HTMLElement, url: string) {
    this.#stage = stage;
    this.#url = url;
  }

  /** Shows the picture that exists now. Until there is one, the stage keeps its words. */
  async update(): Promise<void> {
    const now = performance.now();
    if (document.visibilityState !== "visible" || now - this.#askedAt < INTERVAL_MS) return;
    this.#askedAt = now;
    const response = await fetch(this.#url, { cache: "no-cache" }).catch(() => null);
    if (response === null || !response.ok) return;
    const etag = response.headers.get("etag");
    if (etag !== null && etag === this.#etag) return;
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
