/** Puts a button that copies after every `[data-copy]` element. The clipboard exists on secure pages only. */
export function addCopyButtons(): void {
  if (navigator.clipboard === undefined) return;
  for (const element of document.querySelectorAll<HTMLElement>("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(element.textContent?.trim() ?? "");
      button.textContent = "Copied";
    });
    element.after(button);
  }
}
