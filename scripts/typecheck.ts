import { ROOT } from "@splatt/local/local-machine";
import { runChecks, typeChecks } from "./test-run/checks.ts";

/** `npm run typecheck`: the types of every package. */
const { failed } = await runChecks(await typeChecks(ROOT), ROOT);
process.exitCode = failed === 0 ? 0 : 1;
