import { createHash } from "node:crypto";
import { copyFile, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, delimiter, dirname, join } from "node:path";
import {
  err,
  errorText,
  ok,
  PACKAGE_LIST_PATH,
  PACKAGES_PATH,
  PackageList,
  type Result,
  type ServedPackage,
} from "@splatt/shared";
import { makeFolder } from "@splatt/shared/folders";
import { execa } from "execa";
import { type Dispatcher, request } from "undici";
import { findProgram } from "../processes/find-program.ts";
import { programIn, VERSIONS } from "./versions.ts";

const NAME = "splatt-agent";
const LIST_MAX_BYTES = 64 * 1024;
const TIMEOUT_MS = 30_000;
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const TRIAL_TIMEOUT_MS = 60_000;

/** The agent that a control plane serves, or why it could not be asked. */
export async function findServedAgent(
  controlPlane: string,
  dispatcher: Dispatcher,
): Promise<Result<ServedPackage, string>> {
  const fetched = await download(new URL(PACKAGE_LIST_PATH, controlPlane), LIST_MAX_BYTES, dispatcher);
  if (!fetched.ok) return fetched;
  try {
    const served = PackageList.parse(JSON.parse(Buffer.from(fetched.value).toString())).packages[NAME];
    return served === undefined ? err("the control plane serves no agent") : ok(served);
  } catch {
    return err("the control plane's list of packages is invalid");
  }
}

/** The name of an installed version's folder: two builds of one version differ in it. */
export function versionId({ version, sha256 }: ServedPackage): string {
  return `${version}-${sha256.slice(0, 12)}`;
}

/** The folder of the version in use; null before the first `join`. */
export async function currentFolder(): Promise<string | null> {
  return realpath(VERSIONS.current).catch(() => null);
}

/**
 * Downloads and verifies a served agent, lets npm install it and its dependencies into a separate folder, and starts it
 * once. The version in use stays as it is.
 *
 * @returns the folder
 */
export async function installVersion(
  controlPlane: string,
  served: ServedPackage,
  dispatcher: Dispatcher,
): Promise<Result<string, string>> {
  const folder = join(VERSIONS.folder, versionId(served));
  await makeFolder(VERSIONS.folder, 0o755);
  const fetched = await download(
    new URL(`${PACKAGES_PATH}${served.file}`, controlPlane),
    served.bytes,
    dispatcher,
  );
  if (!fetched.ok) return fetched;
  const sha256 = createHash("sha256").update(fetched.value).digest("hex");
  if (sha256 !== served.sha256) return err(`the download has the SHA-256 ${sha256}, not ${served.sha256}`);

  const made = await mkdtemp(join(VERSIONS.folder, "installing-"));
  try {
    const archive = join(made, served.file);
    await writeFile(archive, fetched.value);
    const installed = await npmInstall(made, archive);
    if (!installed.ok) return installed;
    await keepNode();
    const tried = await execa(process.execPath, [programIn(made), "--version"], {
      reject: false,
      timeout: TRIAL_TIMEOUT_MS,
    });
    if (tried.exitCode !== 0 || tried.stdout.trim() !== served.version) {
      return err(
        `the new version does not start: ${tried.stderr.trim().slice(-500) || tried.stdout.slice(0, 100)}`,
      );
    }
    // mkdtemp makes it private, but a service's account has to read it.
    await rm(archive);
    await execa("chmod", ["755", made]);
    await rm(folder, { recursive: true, force: true });
    await rename(made, folder);
    return ok(folder);
  } catch (error) {
    return err(errorText(error));
  } finally {
    await rm(made, { recursive: true, force: true });
  }
}

/** Points a link of `VERSIONS` at a folder, atomically. */
export async function pointLink(link: string, folder: string): Promise<void> {
  const temporary = `${link}.${process.pid}`;
  await rm(temporary, { force: true });
  await symlink(folder, temporary);
  await rename(temporary, link);
}

async function npmInstall(folder: string, archive: string): Promise<Result<void, string>> {
  const npx = process.env.npm_execpath;
  const npm = findProgram("npm");
  const isNpm = npx !== undefined && /^np[mx]-cli\.js$/.test(basename(npx));
  const [file, ...first] = isNpm ? [process.execPath, join(dirname(npx), "npm-cli.js")] : [npm ?? "npm"];
  const { AGENT_TOKEN: _token, GPU_API_KEY: _key, ...environment } = process.env;
  const { exitCode, all, message } = await execa(
    file,
    [
      ...first,
      "install",
      "--prefix",
      folder,
      "--global=false",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      archive,
    ],
    {
      cwd: folder,
      all: true,
      reject: false,
      timeout: INSTALL_TIMEOUT_MS,
      extendEnv: false,
      // npm chooses native packages for the Node that runs it.
      env: { ...environment, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) },
    },
  );
  return exitCode === 0 ? ok(undefined) : err(`npm install failed: ${(all || message || "").slice(-1000)}`);
}

/** Keeps a copy of a Node that lies in npm's cache, which may be emptied at any time. */
async function keepNode(): Promise<void> {
  if (!process.execPath.split(/[\\/]/).includes("_npx")) return;
  const temporary = `${VERSIONS.node}.${process.pid}`;
  await copyFile(process.execPath, temporary);
  await rename(temporary, VERSIONS.node);
}

async function download(
  url: URL,
  maxBytes: number,
  dispatcher: Dispatcher,
): Promise<Result<Uint8Array, string>> {
  try {
    const response = await request(url, { dispatcher, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
    if (response.statusCode !== 200) {
      await response.body.dump();
      return err(`${url.pathname} answered ${response.statusCode}`);
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      const part = chunk as Uint8Array;
      bytes += part.byteLength;
      if (bytes > maxBytes) {
        response.body.destroy();
        return err(`${url.pathname} is longer than ${maxBytes} bytes`);
      }
      chunks.push(part);
    }
    return ok(Buffer.concat(chunks));
  } catch (error) {
    return err(`${url.host}: ${errorText(error)}`);
  }
}
