import { keepFresh } from "./_fresh.ts";

keepFresh();

const shortcuts = document.querySelector<HTMLDialogElement>("[data-shortcuts]");
const opener = document.querySelector<HTMLElement>("[data-show-shortcuts]");
if (opener !== null) {
  opener.hidden = false;
  opener.addEventListener("click", () => shortcuts?.showModal());
}

// j and k move through the rows, Enter opens, f goes to the filter, ? shows this.
document.addEventListener("keydown", (event) => {
  if (isTyping(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
  if (shortcuts?.open) return;
  const links = [...document.querySelectorAll<HTMLAnchorElement>("[data-keyboard-list] td > a")];
  const index = links.findIndex((link) => link.closest("tr")?.contains(document.activeElement));
  if (event.key === "j") links[Math.min(index + 1, links.length - 1)]?.focus();
  else if (event.key === "k") links[Math.max(index - 1, 0)]?.focus();
  else if (event.key === "f") document.querySelector<HTMLElement>('[data-shortcut="f"]')?.focus();
  else if (event.key === "?") shortcuts?.showModal();
  else return;
  event.preventDefault();
});

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, select, textarea, [contenteditable]");
}
