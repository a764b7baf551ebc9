// Puts on this machine what the project needs: its npm packages (with the pinned pnpm and, among them, the
// pinned Node) and, on Debian and Ubuntu, ffmpeg and COLMAP. Runs on any Node from 20 on, so it is plain
// JavaScript. What is there already costs a fraction of a second.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PNPM = "pnpm@12.21.0";
const MIN_NODE = 20;
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PROGRAMS = [
  { program: "ffmpeg", args: ["-version"], debianPackage: "ffmpeg" },
  { program: "ffprobe", args: ["-version"], debianPackage: "ffmpeg" },
  { program: "colmap", args: ["-h"], debianPackage: "colmap" },
];

requireNode();
installPackages();
installPrograms();

function requireNode() {
  if (Number(process.versions.node.split(".")[0]) >= MIN_NODE) return;
  fail(
    `Node ${MIN_NODE} or newer is needed to begin with; this is ${process.version}. See https://nodejs.org.`,
  );
}

/** Skipped when the last run installed just what the manifests ask for now. */
function installPackages() {
  const manifests = ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"].map((name) => join(ROOT, name));
  const hash = createHash("sha256");
  for (const path of manifests) hash.update(readFileSync(path));
  const wanted = hash.digest("hex");
  const stamp = join(ROOT, "node_modules", ".splatt-setup");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;

  console.log("Installing the project's packages ...");
  const install = spawnSync(
    "npx",
    ["--yes", PNPM, "install", "--frozen-lockfile", "--reporter=append-only"],
    {
      cwd: ROOT,
      encoding: "utf8",
    },
  );
  if (install.status !== 0) {
    fail(`The packages could not be installed:\n${install.stdout ?? ""}${install.stderr ?? ""}`);
  }
  writeFileSync(stamp, wanted);
}

function installPrograms() {
  const missing = PROGRAMS.filter(({ program, args }) => spawnSync(program, args).error !== undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))];
  const asRoot = rootPrefix();
  if (spawnSync("apt-get", ["--version"]).error !== undefined || asRoot === null) {
    fail(
      `These programs are missing: ${missing.map(({ program }) => program).join(", ")}.\n` +
        `Install them and try again. Debian and Ubuntu: sudo apt-get install ${packages.join(" ")}. ` +
        `macOS: brew install ${packages.join(" ")}. Others: https://ffmpeg.org and https://colmap.github.io.`,
    );
  }
  console.log(`Installing ${packages.join(" and ")} ...`);
  apt([...asRoot, "apt-get", "update", "-qq"]);
  apt([...asRoot, "apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages]);
}

/** How to become root: not at all, by sudo, or not possible (null). Without a terminal sudo must not ask. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = process.stdin.isTTY ? ["sudo"] : ["sudo", "-n"];
  return spawnSync(sudo[0], [...sudo.slice(1), "true"], { stdio: "inherit" }).status === 0 ? sudo : null;
}

function apt([program, ...args]) {
  const run = spawnSync(program, args, {
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (run.status !== 0) fail(`${program} ${args.join(" ")} failed:\n${run.stderr || run.error?.message}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
