const MAX_LINES = 500;

/** The end of a log. It follows new lines until the person scrolls up, and again once they are back at the end. */
export class LogView {
  readonly #element: HTMLElement;
  #lines: string[] = [];

  constructor(element: HTMLElement) {
    this.#element = element;
  }

  append(lines: readonly string[]): void {
    const element = this.#element;
    const follows = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
    this.#lines = [...this.#lines, ...lines].slice(-MAX_LINES);
    element.textContent = this.#lines.join("\n");
    if (follows) element.scrollTop = element.scrollHeight;
  }

  clear(): void {
    this.#lines = [];
    this.#element.textContent = "";
  }
}
