import type { UpAxis } from "./web-frame.ts";

/** How the gaussians were trained, as far as a viewer must know. */
export type RenderMode = "default" | "mip" | "2dgs";

/**
 * The render mode in the header comments of a trainer's PLY: Brush's "SplatRenderMode: mip", or Postshot's
 * "antialiased 1". The last one counts, as in the viewers.
 */
export function renderModeOf(comments: readonly string[]): RenderMode {
  let mode: RenderMode = "default";
  for (const comment of comments) {
    const [, named] = /^splatrendermode:\s*(default|mip|2dgs)$/i.exec(comment.trim()) ?? [];
    const [, antialiased] = /^antialiased\s+([01])$/i.exec(comment.trim()) ?? [];
    if (named !== undefined) mode = named.toLowerCase() as RenderMode;
    if (antialiased !== undefined) mode = antialiased === "1" ? "mip" : "default";
  }
  return mode;
}

/**
 * The header comments that viewers read. The vertical axis is that of transforms.json, whatever the trainer's file
 * declares: Brush writes "y" by default.
 */
export function headerComments(mode: RenderMode, up: UpAxis): string[] {
  return [`Vertical Axis: ${up.slice(1)}`, `SplatRenderMode: ${mode}`];
}
