import { markChildren } from "../orphans.ts";
import { runTool } from "../run-tool.ts";

/** Runs a shell script as a tool, as an agent with the workspace FOLDER does: `node tool-runner.ts FOLDER SCRIPT`. */

const [, , folder = "", script = ""] = process.argv;
markChildren(folder);
await runTool({
  file: "/bin/sh",
  args: ["-c", script],
  cwd: folder,
  signal: new AbortController().signal,
  timeoutMs: 60_000,
  silenceMs: 60_000,
  onLine: (line) => console.log(line),
});
