import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeDeclarations } from "./type-declarations.ts";

it("refuses declarations that import what the compiler did not declare", async () => {
  const repository = await mkdtemp(join(tmpdir(), "splatt-declarations-"));
  try {
    const tsconfig = join(repository, "tsconfig.json");
    await writeFile(
      tsconfig,
      JSON.stringify({ compilerOptions: { module: "nodenext", noEmitOnError: false } }),
    );
    const entry = join(repository, "entry.ts");
    await writeFile(entry, 'export type { Job } from "./job.js";');
    await mkdir(join(repository, "node_modules", "@types", "node"), { recursive: true });
    await writeFile(join(repository, "node_modules", "@types", "node", "index.d.ts"), "");
    const options = { repository, tsconfig, entries: [entry], workspace: [], copied: [] };
    const out = join(repository, "types");
    await expect(writeDeclarations(options, out)).rejects.toThrow(
      /no declarations of \.\/job\.js, which entry\.d\.ts/,
    );
    await writeFile(join(repository, "job.ts"), "export interface Job { id: string }");
    await writeDeclarations(options, out);
  } finally {
    await rm(repository, { recursive: true });
  }
});
