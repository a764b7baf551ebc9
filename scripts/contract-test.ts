import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";

/**
 * `npm run test:nerfstudio`, `test:opensplat`, `test:brush`: what an engine believes about its program, checked
 * against the real one, which a variable names. docs/engines.md tells how to come by each.
 */

const VARIABLES: Readonly<Record<string, string>> = {
  nerfstudio: "NERFSTUDIO_CONTRACT_PYTHON",
  opensplat: "OPENSPLAT_CONTRACT_PATH",
  brush: "BRUSH_CONTRACT_PATH",
};

const [engine = ""] = process.argv.slice(2);
const variable = VARIABLES[engine];
if (variable === undefined) {
  console.error(`Name one of ${Object.keys(VARIABLES).join(", ")}.`);
  process.exitCode = 2;
} else if (!process.env[variable]) {
  console.error(`${variable} is not set; docs/engines.md tells what it is to name.`);
  process.exitCode = 2;
} else {
  const { exitCode } = await execa("node", ["scripts/test.ts", `${engine}.contract`], {
    cwd: ROOT,
    preferLocal: true,
    stdio: "inherit",
    reject: false,
  });
  process.exitCode = exitCode ?? 1;
}
