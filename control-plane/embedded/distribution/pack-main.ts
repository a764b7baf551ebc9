import { statSync } from "node:fs";
import { resolve } from "node:path";
import { writePackages } from "./package-archives.ts";

/** `npm run pack [-- FOLDER]`: writes the packages into a folder, by default the current one. */
const paths = await writePackages(resolve(process.argv[2] ?? "."));
for (const path of paths) console.log(`${path}  ${(statSync(path).size / 1e6).toFixed(1)} MB`);
