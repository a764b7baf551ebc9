import { relative } from "node:path";
import { z } from "zod";
import { readTemplate } from "../../deployment.ts";
import { CONTROL_PLANE } from "../../wrangler.ts";

const Template = z.looseObject({ main: z.string(), build: z.unknown(), assets: z.looseObject({}) });

/**
 * The control plane's configuration for a Worker that wrangler bundles in a fraction of the time: it needs no build.
 */
export async function readSmallTemplate(): Promise<unknown> {
  const { build, ...template } = Template.parse(await readTemplate());
  const dir = relative(CONTROL_PLANE, import.meta.dirname);
  return {
    ...template,
    main: `${dir}/index.ts`,
    assets: { ...template.assets, directory: `${dir}/assets` },
  };
}
