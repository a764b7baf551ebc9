import { addCopyButtons } from "./_copy.ts";
import { keepFresh } from "./_fresh.ts";

/** The notice about a GPU box that was just added turns green when it connects. */
function showConnection(): void {
  const notice = document.querySelector<HTMLElement>("[data-agent-added]");
  if (notice === null || notice.dataset.changing === undefined) return;
  const id = CSS.escape(notice.dataset.agentAdded ?? "");
  if (document.querySelector(`[data-agent="${id}"][data-connected]`) === null) return;
  delete notice.dataset.changing;
  notice.className = "notice ok";
  const heading = document.createElement("strong");
  heading.textContent = `${notice.dataset.name} is connected.`;
  const next = document.createElement("p");
  next.textContent = "Below is what it offers.";
  notice.replaceChildren(heading, next);
}

keepFresh(showConnection);
addCopyButtons();
