import { writeFile } from "node:fs/promises";
import { GENERATED_DOCS, regenerated } from "./generated-docs.ts";

/** `npm run docs`: updates the generated parts of the docs. */
for (const path of GENERATED_DOCS) await writeFile(path, await regenerated(path));
