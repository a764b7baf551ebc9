import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { ROOT } from "@splatt/local/local-machine";
import { describe, expect, it } from "vitest";

/** Comments and docs must not refer to files that no longer exist. */

const CODE = /\.(ts|mjs|cjs|py)$/;
const DOCS = /\.md$/;
/** A file name with an extension, optionally with folders. */
const FILE = /(?<![\w@./-])(?:[\w.-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:ts|mjs|cjs|py|md)(?![\w-])/g;
/** Files of other projects, or of the reader, which comments and docs may also refer to. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "nerfstudio_dataparser.py",
  "Nerf4Dgsplat.py",
  "video_to_ply.py",
  "video-to-ply.ts",
]);

/** File names in a text that match no file of the project. */
function brokenReferences(path: string, text: string, files: readonly string[]): string[] {
  const referring = DOCS.test(path) ? text : commentsOf(text);
  return [...referring.matchAll(FILE)]
    .map(([reference]) => reference)
    .filter((reference) => !ELSEWHERE.has(reference) && !reference.startsWith("node_modules/"))
    .filter((reference) => !exists(reference, path, files));
}

function exists(reference: string, from: string, files: readonly string[]): boolean {
  const relative = normalize(join(dirname(from), reference));
  return files.some((file) => file === relative || file === reference || file.endsWith(`/${reference}`));
}

/** The text of comments, line by line: an approximation that suffices for prose. */
function commentsOf(text: string): string {
  const comment = /(?:^|\s)(?:\/\/|#) .*$|^\s*\/?\*.*$/;
  return text
    .split("\n")
    .map((line) => comment.exec(line)?.[0] ?? "")
    .join("\n");
}

const FILES = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
  maxBuffer: 64 * 1024 * 1024,
})
  .trim()
  .split("\n");

describe("files that comments and docs name", () => {
  it("exist", () => {
    // The changelog mentions removed files, and this test contains made-up names.
    const read = FILES.filter(
      (file) => (CODE.test(file) || DOCS.test(file)) && !file.endsWith("CHANGELOG.md"),
    )
      .filter((file) => file !== "scripts/docs/references.test.ts")
      .map((file): [string, string] => [file, readIfThere(file)]);
    const broken = read.flatMap(([file, text]) =>
      brokenReferences(file, text, FILES).map((reference) => `${file} names ${reference}`),
    );
    expect(broken).toEqual([]);
  });

  it.each([
    ["a name that no file has", "a/b.ts", "// See gone.ts.", ["gone.ts"]],
    ["a path that no file has", "a/b.ts", "/** See x/c.ts. */", ["x/c.ts"]],
    ["a link that leads nowhere", "docs/d.md", "[it](../a/gone.md)", ["../a/gone.md"]],
    ["a name that a file has", "a/b.ts", "  * See c.ts and a/c.ts.", []],
    ["a link that leads to a file", "docs/d.md", "[it](../a/c.ts#L1), `a/c.ts`", []],
    ["code", "a/b.ts", 'import "./gone.ts";', []],
    ["a file of another project", "a/b.ts", "// nerfstudio_dataparser.py, 1.1.5", []],
  ])("are checked: %s", (_, file, text, broken) => {
    expect(brokenReferences(file, text, ["a/b.ts", "a/c.ts", "docs/d.md"])).toEqual(broken);
  });
});

/** A file may be deleted in the working tree but still be in the index. */
function readIfThere(file: string): string {
  try {
    return readFileSync(join(ROOT, file), "utf8");
  } catch {
    return "";
  }
}
