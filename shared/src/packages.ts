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

/** A version and its build, as in 1.2.3+0123456789ab: two builds of one version differ in it. */
export function buildVersion({ version, sha256 }: ServedPackage): string {
  return `${version}+${sha256.slice(0, BUILD_LENGTH)}`;
}

const BUILD_LENGTH = 12;

/**
 * Whether what is served replaces what runs: a newer version, or another build of the same one. Versions are as in
 * 1.2.3 or 1.2.3+BUILD; nothing is known of others, nor of a build that one side lacks.
 */
export function isUpdate(served: string, running: string): boolean {
  const [left, right] = [parse(served), parse(running)];
  if (left === null || right === null) return false;
  for (const [index, number] of left.numbers.entries()) {
    const difference = number - (right.numbers[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return left.build !== undefined && right.build !== undefined && left.build !== right.build;
}

function parse(version: string): { readonly numbers: readonly number[]; readonly build?: string } | null {
  const [, numbers, build] = /^(\d+\.\d+\.\d+)(?:\+([0-9a-f]+))?$/.exec(version) ?? [];
  if (numbers === undefined) return null;
  return { numbers: numbers.split(".").map(Number), ...(build === undefined ? {} : { build }) };
}
