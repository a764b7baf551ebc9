import { addCopyButtons } from "./_copy.ts";
import { keepFresh } from "./_fresh.ts";

// Short, so that a box that was just added soon turns green.
keepFresh(3000);
addCopyButtons();
