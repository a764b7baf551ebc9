#!/usr/bin/env node
"use strict";
// Starts the bundled program. Written for any Node that npm runs on, so that an old one gets a message, not a syntax error.
const { name, engines } = require("../package.json");

const needed = engines.node.replace(">=", "");
if (isOlder(process.versions.node, needed)) {
  console.error(
    [
      `${name} needs Node ${needed} or newer; this is Node ${process.versions.node}.`,
      "Install a newer Node, then run the command again:",
      "",
      "  sudo npm install --global node@24 && hash -r",
      "",
      "Or see https://nodejs.org/en/download for other ways.",
    ].join("\n"),
  );
  process.exitCode = 2;
} else {
  void import("../dist/main.js");
}

function isOlder(version, other) {
  const [major, minor] = version.split(".").map(Number);
  const [otherMajor, otherMinor] = other.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
