// Installs the project's dependencies: its npm packages (with the pinned pnpm, including the pinned Node) and, on
// Debian and Ubuntu, ffmpeg and COLMAP. `--tests` adds the programs that only the tests use. A second run takes a
// fraction of a second. Plain JavaScript, because the Node that runs it may be too old for TypeScript.
const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { dirname, join } = require("node:path");

const PNPM = "pnpm@12.21.0";
const ROOT = dirname(__dirname);
const PROGRAMS = [
  { program: "ffmpeg", args: ["-version"], debianPackage: "ffmpeg" },
  { program: "ffprobe", args: ["-version"], debianPackage: "ffmpeg" },
  { program: "colmap", args: ["-h"], debianPackage: "colmap" },
];
/** Tests that need a missing one of these are reported as skipped. */
const TEST_PROGRAMS = [
  { program: "git", args: ["--version"], debianPackage: "git" },
  { program: "curl", args: ["--version"], debianPackage: "curl" },
  { program: "wget", args: ["--version"], debianPackage: "wget" },
  { program: "aria2c", args: ["--version"], debianPackage: "aria2" },
  { program: "chromium", args: ["--version"], debianPackage: "chromium" },
  { program: "strace", args: ["-V"], debianPackage: "strace" },
  { program: "bwrap", args: ["--version"], debianPackage: "bubblewrap" },
];

installPackages();
installPrograms();

/** Skips the installation when the manifests have not changed since the last one. */
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
    const output = `${install.stdout ?? ""}${install.stderr ?? ""}`;
    const reason = output.trim() || (install.error ?? `npx ended with ${install.signal ?? install.status}`);
    fail(`The packages could not be installed:\n${reason}`);
  }
  writeFileSync(stamp, wanted);
}

function installPrograms() {
  const isMissing = ({ program, args }) => spawnSync(program, args).error !== undefined;
  const needed = PROGRAMS.filter(isMissing);
  const useful = process.argv.includes("--tests") ? TEST_PROGRAMS.filter(isMissing) : [];
  const missing = [...needed, ...useful];
  if (missing.length === 0) return;
  const names = missing.map(({ program }) => program).join(", ");
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))];
  const asRoot = rootPrefix();
  if (spawnSync("apt-get", ["--version"]).error !== undefined || asRoot === null) {
    if (needed.length === 0) {
      console.log(`Not installed: ${names}. Tests that need them are skipped.`);
      return;
    }
    fail(
      `Missing programs: ${names}.\n` +
        `Install them and run the command again. Debian and Ubuntu: sudo apt-get install ${packages.join(" ")}. ` +
        `macOS: brew install ${packages.join(" ")}. Others: https://ffmpeg.org and https://colmap.github.io.`,
    );
  }
  console.log(`Installing ${packages.join(", ")} ...`);
  apt([...asRoot, "apt-get", "update", "-qq"]);
  apt([...asRoot, "apt-get", "install", "-y", "-qq", "--no-install-recommends", ...packages]);
}

/** The prefix for root commands: none, sudo, or null when neither works. Without a terminal sudo must not prompt. */
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
