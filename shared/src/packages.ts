import { z } from "zod";

/** Where a control plane serves its packages, and lists them. */
export const PACKAGES_PATH = "/dist/";
export const PACKAGE_LIST_PATH = `${PACKAGES_PATH}versions.json`;

export const ServedPackage = z.object({
  version: z.string().regex(/^\d+\.\d+\.\d+$/),
  file: z.string().regex(/^[\w-]+\.tgz$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z
    .int()
    .positive()
    .max(100 * 1024 ** 2),
});
export type ServedPackage = z.infer<typeof ServedPackage>;

export const PackageList = z.object({ packages: z.record(z.string(), ServedPackage) });

/** The line that joins a GPU box to a control plane: it needs Node and npm, and nothing else. */
export function joinCommand(controlPlane: string, token: string): string {
  const packageUrl = new URL(`${PACKAGES_PATH}splatt-agent.tgz`, controlPlane).href;
  return `npx --yes ${packageUrl} join ${new URL(controlPlane).origin} --token ${token}`;
}

/** Whether a version, as in 1.2.3, is newer than another one. Others than such versions are never newer. */
export function isNewerVersion(version: string, than: string): boolean {
  const [left, right] = [numbersOf(version), numbersOf(than)];
  if (left === null || right === null) return false;
  for (const [index, number] of left.entries()) {
    const difference = number - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function numbersOf(version: string): number[] | null {
  return /^\d+\.\d+\.\d+$/.test(version) ? version.split(".").map(Number) : null;
}
