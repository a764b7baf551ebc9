// `npm run setup`. Written for very old versions of Node, so that it prints a message instead of a
// syntax error; setup-machine.cjs does the work.
var MIN_NODE = 18;

if (Number(process.versions.node.split(".")[0]) < MIN_NODE) {
  console.error(
    "Splatt needs Node " +
      MIN_NODE +
      " or newer to set itself up; this is " +
      process.version +
      ".\n" +
      "Install a newer one from https://nodejs.org, then run the command again.",
  );
  process.exit(1);
}
require("./setup-machine.cjs");
