/** Puts a button that copies after every `[data-copy]` element. */
export function addCopyButtons(): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      button.textContent = (await copy(element)) ? "Copied" : "Selected: press Ctrl+C";
    });
    element.after(button);
  }
}

/**
 * The clipboard exists on secure pages only. Elsewhere, as on plain http in a home network, what is selected is copied.
 */
async function copy(element: HTMLElement): Promise<boolean> {
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(element.textContent?.trim() ?? "");
      return true;
    } catch {
      // The browser or its owner forbids it.
    }
  }
  getSelection()?.selectAllChildren(element);
  return document.execCommand("copy");
}
