/** The results of the README's two commands on one platform. */
export interface PlatformResult {
  readonly platform: string;
  /** ISO date. */
  readonly date: string;
  /** Abbreviated commit. */
  readonly commit: string;
  readonly node: string;
  readonly ffmpeg: string;
  readonly colmap: string;
  /** `npm run demo`: "40 of 40 frames, 29.9 dB", or what went wrong. */
  readonly demo: string;
  /** `npm test`: "2346 passed, 0 failed". */
  readonly test: string;
}

const COLUMNS = ["platform", "Node", "ffmpeg", "COLMAP", "npm run demo", "npm test", "run on"] as const;
const BLOCK = /<!-- matrix -->\n[\s\S]*?<!-- end -->/;

/** @returns the document with these platforms' rows replaced or added; other rows keep their place */
export function withResults(document: string, results: readonly PlatformResult[]): string {
  const block = BLOCK.exec(document)?.[0];
  if (block === undefined) throw new Error("The document has no <!-- matrix --> block.");
  const rows = new Map(
    block
      .split("\n")
      .slice(3, -1)
      .map((line) => [line.split("|")[1]?.trim() ?? "", line] as const),
  );
  for (const result of results) rows.set(result.platform, row(result));
  const head = [`| ${COLUMNS.join(" | ")} |`, `|${" --- |".repeat(COLUMNS.length)}`];
  return document.replace(BLOCK, () =>
    ["<!-- matrix -->", ...head, ...rows.values(), "<!-- end -->"].join("\n"),
  );
}

function row({ platform, node, ffmpeg, colmap, demo, test, date, commit }: PlatformResult): string {
  return `| ${[platform, node, ffmpeg, colmap, demo, test, `${date} (${commit})`].join(" | ")} |`;
}

/** The first version number in a program's output: "ffmpeg version 7.1.5-0+deb13u1" is 7.1.5. */
export function versionIn(output: string): string {
  return /\d+\.\d+(?:\.\d+)?/.exec(output)?.[0] ?? "none";
}

/**
 * The outcome of `npm run demo`. The exit code alone proves nothing; the summary has the registered frames and the
 * quality of the splat.
 */
export function demoOutcome(exitCode: number, output: string): string {
  const [, cameras] = /(\d+ of \d+) \((?:good|weak)\)/.exec(output) ?? [];
  const [, psnr] = /(\d+\.\d+) dB over \d+ frames/.exec(output) ?? [];
  if (exitCode === 0 && cameras && psnr) return `${cameras} cameras, ${Number(psnr).toFixed(1)} dB`;
  return `failed (exit code ${exitCode})`;
}

/** The outcome of `npm test`, from its last line. */
export function testOutcome(exitCode: number, output: string): string {
  const counted = /^(\d+ passed, \d+ failed)$/m.exec(output.split("\n").slice(-8).join("\n"))?.[1];
  return counted ?? `failed (exit code ${exitCode})`;
}
