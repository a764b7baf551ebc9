import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { brotliCompressSync, constants } from "node:zlib";
import { bundleWorker } from "../bundle.ts";
import { writePackages } from "../distribution/package-archives.ts";
import { tarArchive } from "../distribution/tar.ts";

/**
 * `npm run keep-version`, run at a release: replaces the kept version with this one. The next version is tested against
 * it (previous-version.ts).
 *
 * The archive has the packed agent, the packed client, the Worker as it is deployed, and its migrations. It is committed,
 * so it is compressed as far as possible.
 */

const PACKAGE_DIR = dirname(dirname(import.meta.dirname));
const ARCHIVE = join(import.meta.dirname, "version.tar.br");
const PACKAGES = [
  ["agent", "splatt-agent.tgz"],
  ["client", "splatt.tgz"],
] as const;

const dir = await mkdtemp(join(tmpdir(), "splatt-keep-version-"));
try {
  await writePackages(join(dir, "packages"));
  const kept = join(dir, "kept");
  for (const [folder, archive] of PACKAGES) {
    const into = join(kept, folder);
    await mkdir(into, { recursive: true });
    await promisify(execFile)("tar", [
      ...["-xzf", join(dir, "packages", archive), "-C", into, "--strip-components=1"],
    ]);
  }
  const { script } = await bundleWorker(join(PACKAGE_DIR, "src", "index.ts"));
  await mkdir(join(kept, "worker"));
  await writeFile(join(kept, "worker", "index.js"), await readFile(script));
  const migrations = join(PACKAGE_DIR, "migrations");
  await mkdir(join(kept, "migrations"));
  for (const name of (await readdir(migrations)).filter((file) => file.endsWith(".sql"))) {
    await writeFile(join(kept, "migrations", name), await readFile(join(migrations, name)));
  }
  const files = (await readdir(kept, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  const entries = files.map(async (path) => ({
    path: relative(kept, path).split(sep).join("/"),
    bytes: await readFile(path),
    isExecutable: false,
  }));
  const tar = tarArchive(await Promise.all(entries));
  const { BROTLI_PARAM_LGWIN, BROTLI_MAX_WINDOW_BITS, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = { [BROTLI_PARAM_LGWIN]: BROTLI_MAX_WINDOW_BITS, [BROTLI_PARAM_SIZE_HINT]: tar.byteLength };
  const bytes = brotliCompressSync(tar, { params });
  await writeFile(ARCHIVE, bytes);
  console.log(`${ARCHIVE}  ${(bytes.byteLength / 1e6).toFixed(2)} MB`);
} finally {
  await rm(dir, { recursive: true, force: true });
}
