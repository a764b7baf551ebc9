import { keepFresh } from "./_fresh.ts";

// Short, so that a box that was just added soon turns green.
keepFresh(3000);

// A click on the command selects it; the clipboard needs a secure page.
for (const element of document.querySelectorAll<HTMLElement>("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(element.textContent ?? "");
    button.textContent = "Copied";
  });
  if (navigator.clipboard !== undefined) element.after(button);
}
