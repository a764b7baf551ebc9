import { keepFresh } from "./_fresh.ts";

keepFresh();
