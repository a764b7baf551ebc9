import { keepFresh } from "./_fresh.ts";

keepFresh(15_000);

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.matches("input, select, textarea, [contenteditable]");

// j and k move through the rows, Enter opens, f goes to the filter.
document.addEventListener("keydown", (event) => {
  if (typing(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
  const links = [...document.querySelectorAll<HTMLAnchorElement>("[data-keyboard-list] tbody a")];
  const index = links.indexOf(document.activeElement as HTMLAnchorElement);
  if (event.key === "j") links[Math.min(index + 1, links.length - 1)]?.focus();
  else if (event.key === "k") links[Math.max(index - 1, 0)]?.focus();
  else if (event.key === "f") document.querySelector<HTMLElement>('[data-shortcut="f"]')?.focus();
  else return;
  event.preventDefault();
});
