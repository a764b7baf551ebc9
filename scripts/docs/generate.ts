import { writeFile } from "node:fs/promises";
import { GENERATED_FILES, regenerated } from "./generated-docs.ts";

/** `npm run docs`: updates the generated parts of the docs. */
for (const path of GENERATED_FILES) await writeFile(path, await regenerated(path));
