import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** The marks at the beginning of a line, and how they look. */
const MARKS: readonly (readonly [RegExp, Style])[] = [
  [/^( *)(✓)/gm, "green"],
  [/^( *)(▸)/gm, "cyan"],
  [/^( *)(✗|!)/gm, "red"],
];

/**
 * Colours text where `stream` is a terminal that shows colours, and neither NO_COLOR nor NODE_DISABLE_COLORS is set.
 */
export function coloured(style: Style, text: string, stream: NodeJS.WritableStream): string {
  return styleText(style, text, { stream: stream as NodeJS.WriteStream });
}

/** Colours the marks of finished, running and failed things. */
export function withColouredMarks(text: string, stream: NodeJS.WritableStream): string {
  return MARKS.reduce(
    (all, [mark, style]) =>
      all.replace(mark, (_, space: string, sign: string) => space + coloured(style, sign, stream)),
    text,
  );
}
