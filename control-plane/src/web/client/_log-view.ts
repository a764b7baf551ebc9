import { showControls } from "../visible-controls.ts";

const MAX_LINES = 500;
/** While somebody reads further up, nothing above may move: more lines stay for as long as this many. */
const MAX_LINES_WHILE_READING = 5000;
const NEAR_END_PX = 24;

/**
 * The end of a log. It follows new lines until the person scrolls up, and again once they are back at the end, also by
 * the button that appears meanwhile.
 */
export class LogView {
  readonly #element: HTMLElement;
  readonly #toEnd = document.createElement("button");
  /** One text node for all lines that came together. */
  #chunks: { readonly node: Text; readonly lines: number }[] = [];

  constructor(element: HTMLElement) {
    this.#element = element;
    element.replaceChildren();
    this.#toEnd.type = "button";
    this.#toEnd.className = "log-end";
    this.#toEnd.textContent = "Follow the end";
    this.#toEnd.hidden = true;
    this.#toEnd.addEventListener("click", () => this.#scrollToEnd());
    element.addEventListener("scroll", () => {
      this.#toEnd.hidden = this.#isAtEnd();
    });
    element.after(this.#toEnd);
  }

  append(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const follows = this.#isAtEnd();
    const node = document.createTextNode(showControls(`${lines.join("\n")}\n`));
    this.#element.append(node);
    this.#chunks.push({ node, lines: lines.length });
    this.#trim(follows ? MAX_LINES : MAX_LINES_WHILE_READING);
    if (follows) this.#scrollToEnd();
  }

  clear(): void {
    this.#chunks = [];
    this.#element.replaceChildren();
  }

  #trim(most: number): void {
    let total = this.#chunks.reduce((sum, { lines }) => sum + lines, 0);
    for (
      let oldest = this.#chunks[0];
      oldest !== undefined && this.#chunks.length > 1;
      oldest = this.#chunks[0]
    ) {
      if (total - oldest.lines < most) return;
      total -= oldest.lines;
      oldest.node.remove();
      this.#chunks.shift();
    }
  }

  #isAtEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    return scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
  }

  #scrollToEnd(): void {
    this.#element.scrollTop = this.#element.scrollHeight;
  }
}
