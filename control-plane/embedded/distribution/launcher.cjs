#!/usr/bin/env node
"use strict";
// Starts the bundled program. Written for any Node that npm runs on: with an old one, as Debian has it, the program runs
// with a newer Node from npm, and where that cannot be had, there is a message instead of a syntax error.
const { spawn, spawnSync } = require("node:child_process");
const { existsSync } = require("node:fs");
const { basename, dirname, join } = require("node:path");
const { name, engines } = require("../package.json");

const NEWER_NODE = "node@24";
/** Set for the program that runs with the newer Node. */
const HAS_NEWER_NODE = "SPLATT_HAS_NEWER_NODE";

const needed = engines.node.replace(">=", "");
const current = process.versions.node;
if (!isOlder(current, needed) || process.env[HAS_NEWER_NODE] === "1") {
  delete process.env[HAS_NEWER_NODE];
  void import("../dist/main.js");
} else {
  const node = newerNode();
  if (node === null) explain();
  else runWith(node);
}

function isOlder(version, other) {
  const [major, minor] = version.split(".").map(Number);
  const [otherMajor, otherMinor] = other.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

/** The path of a newer Node, which npx keeps in npm's cache; null where there is no npx, or it cannot get one. */
function newerNode() {
  const [file, ...first] = npx();
  const asked = spawnSync(
    file,
    [...first, "--yes", "--package", NEWER_NODE, "--", "node", "--print", "process.execPath"],
    { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] },
  );
  const path = (asked.stdout || "").trim().split("\n").pop();
  return asked.status === 0 && path && existsSync(path) ? path : null;
}

/** The npx that runs this, or the one on the PATH. */
function npx() {
  const running = process.env.npm_execpath;
  if (running !== undefined && /^np[mx]-cli\.js$/.test(basename(running))) {
    return [process.execPath, join(dirname(running), "npx-cli.js")];
  }
  return ["npx"];
}

function runWith(node) {
  console.error(`${name}: Node ${current} is too old, so this runs with ${NEWER_NODE} from npm.`);
  const child = spawn(node, [__filename, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, [HAS_NEWER_NODE]: "1" },
  });
  // A terminal sends Ctrl-C to both; the program decides what it means.
  process.on("SIGINT", () => undefined);
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", explain);
  child.on("exit", (code, signal) => {
    if (signal !== null) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exitCode = code;
  });
}

function explain() {
  const sudo = process.getuid && process.getuid() !== 0 ? "sudo " : "";
  console.error(
    [
      `${name} needs Node ${needed} or newer; this is Node ${current}.`,
      "Install a newer Node, then run the command again:",
      "",
      `  ${sudo}npm install --global ${NEWER_NODE} && hash -r`,
      "",
      "Or see https://nodejs.org/en/download for other ways.",
    ].join("\n"),
  );
  process.exitCode = 2;
}
