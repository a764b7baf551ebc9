import { runCommandLine } from "./cli/command-line.ts";
import { closeInheritedFiles } from "./processes/inherited-files.ts";

closeInheritedFiles();
process.exitCode = await runCommandLine(process.argv.slice(2));
