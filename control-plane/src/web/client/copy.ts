import { addCopyButtons } from "./_copy.ts";

addCopyButtons();
