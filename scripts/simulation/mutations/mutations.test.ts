import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { expect, it } from "vitest";
import { changed } from "../loader.ts";
import { MUTATIONS } from "./mutations.ts";

// The full run searches for each of them. Code that has moved is found here, before that.
it.each(MUTATIONS.map(({ name, changes }) => [name, changes] as const))(
  "the code that %s changes is where it says",
  (_, changes) => {
    const sources = new Map<string, string>();
    for (const change of changes) {
      const source = sources.get(change.file) ?? readFileSync(join(ROOT, change.file), "utf8");
      sources.set(change.file, changed(source, change));
    }
    expect([...sources.keys()]).not.toEqual([]);
  },
);
