import { ROOT } from "@splatt/local/local-machine";
import { execa } from "execa";

/**
 * `npm run test:nerfstudio`, `test:opensplat`, `test:brush`, `test:filebin`: what the code assumes about another
 * program, checked against the real one, which a variable names. docs/engines.md says how to get each engine.
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
  console.error(`Name one of ${Object.keys(VARIABLES).join(", ")}.`);
  process.exitCode = 2;
} else if (!process.env[variable]) {
  console.error(
    `${variable} is not set. The contract test of ${program} and docs/engines.md say what it names.`,
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
