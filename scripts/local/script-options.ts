import { type ParseArgsConfig, parseArgs } from "node:util";

/**
 * The options and arguments of a script that people run. `--help`, or one that it does not have, ends the process with
 * its usage.
 */
export function scriptOptions<T extends ParseArgsConfig>(
  usage: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  if (process.argv.slice(2).some((word) => word === "--help" || word === "-h")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs(config);
  } catch (error) {
    if (!(error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS")))
      throw error;
    // A second sentence is about arguments that begin with a hyphen.
    console.error(`${error.message.split(". ")[0]}.\n\n${usage}`);
    process.exit(2);
  }
}
