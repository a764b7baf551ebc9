/** The program `splatt`. */

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  // The second one ends the program at once.
  process.once(signal, () => stop.abort());
}
// A reader such as `head` has had enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

// Loaded only now, so that Ctrl-C works meanwhile.
const { runCommandLine } = await import("./program.ts");
process.exitCode = await runCommandLine(process.argv.slice(2), {
  environment: process.env,
  // npm runs scripts in the project's folder; the user's paths are relative to the folder that npm was called from.
  folder: process.env.INIT_CWD ?? process.cwd(),
  streams: process,
  signal: stop.signal,
});
