import { keepFresh } from "./_fresh.ts";

// What runs changes by itself: the page replaces its content while it is visible.
keepFresh(15_000);
