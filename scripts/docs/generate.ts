import { writeFile } from "node:fs/promises";
import { GENERATED_DOCS, regenerated } from "./generated-docs.ts";

/** `npm run docs`: brings the generated parts of the docs up to date. */
for (const path of GENERATED_DOCS) await writeFile(path, await regenerated(path));
