import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";

/**
 * `npm run test:nerfstudio`, `test:opensplat`, `test:brush`, `test:filebin`: checks what the code assumes about another
 * program against the real one, which an environment variable names. docs/engines.md tells how to install each engine.
 */

const VARIABLES: Readonly<Record<string, string>> = {
  nerfstudio: "NERFSTUDIO_CONTRACT_PYTHON",
  opensplat: "OPENSPLAT_CONTRACT_PATH",
  brush: "BRUSH_CONTRACT_PATH",
  /** The address of a running server of github.com/espebra/filebin2. */
  filebin: "FILEBIN_CONTRACT_URL",
};

const [program = ""] = process.argv.slice(2);
const variable = VARIABLES[program];
if (variable === undefined) {
  console.error(`Missing or unknown program. Choose one of: ${Object.keys(VARIABLES).join(", ")}.`);
  process.exitCode = 2;
} else if (!process.env[variable]) {
  console.error(
    `${variable} is not set. See docs/engines.md and the contract test of ${program} for its value.`,
  );
  process.exitCode = 2;
} else {
  const { exitCode } = await execa("node", ["scripts/test.ts", `${program}.contract`], {
    cwd: ROOT,
    preferLocal: true,
    stdio: "inherit",
    reject: false,
  });
  process.exitCode = exitCode ?? 1;
}
