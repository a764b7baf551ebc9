import { dirname, join } from "node:path";
import type { Declarations } from "./type-declarations.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");

/** How one of the repository's packages becomes one that is installed without the repository. */
export interface Recipe {
  /** The package's name, and its program's. */
  readonly name: string;
  readonly description: string;
  /** The package of the repository that it is made of. */
  readonly folder: string;
  /** Bundles by their names in dist/, each with its entry in the folder. `main` is the program. */
  readonly entries: Readonly<Record<string, string>>;
  /** The bundles that other programs import: the package's exports. */
  readonly exports?: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
  /** Their types, below dist/types. */
  readonly declarations?: Declarations;
  /**
   * Dependencies that stay dependencies: those with native parts, and libheif, which its license (LGPL) wants to be
   * replaceable.
   */
  readonly kept: readonly string[];
  /** Files of the folder that programs open by name, copied below dist/. */
  readonly copied: Readonly<Record<string, string>>;
}

export const AGENT: Recipe = {
  name: "splatt-agent",
  description: "Turns videos into 3D Gaussian splats on this machine's GPU, for a Splatt control plane",
  folder: join(REPOSITORY, "gpu-agent"),
  entries: { main: "src/main.ts" },
  kept: ["sharp", "libheif-js"],
  copied: { python: "src/engines/nerfstudio/python", pycolmap: "src/pipeline/poses/pycolmap" },
};

const CLIENT_FOLDER = join(dirname(dirname(import.meta.dirname)), "client");
const CLIENT_TYPES = "./dist/types/control-plane/client/src";

export const CLIENT: Recipe = {
  name: "splatt",
  description: "Command line and TypeScript client for a Splatt control plane",
  folder: CLIENT_FOLDER,
  entries: { main: "src/cli/main.ts", client: "src/index.ts", node: "src/node.ts" },
  exports: {
    ".": { types: `${CLIENT_TYPES}/index.d.ts`, default: "./dist/client.js" },
    "./node": { types: `${CLIENT_TYPES}/node.d.ts`, default: "./dist/node.js" },
  },
  declarations: {
    repository: REPOSITORY,
    tsconfig: join(CLIENT_FOLDER, "tsconfig.json"),
    entries: [join(CLIENT_FOLDER, "src", "index.ts"), join(CLIENT_FOLDER, "src", "node.ts")],
    workspace: [{ name: "@splatt/shared", entry: join(REPOSITORY, "shared", "src", "index.ts") }],
    copied: [
      {
        name: "zod",
        entry: join(CLIENT_FOLDER, "node_modules", "zod", "index.d.ts"),
        folders: ["v4/classic", "v4/core", "v4/locales"],
      },
    ],
  },
  kept: [],
  copied: {},
};
