/**
 * Invisible characters that change how others are shown: control characters, such as those of a terminal's colours, and
 * bidirectional controls, which make a file name such as "exe.4pm" look like a video's. Also those of zero width, which
 * make two names look alike; except the joiners, which emoji and Persian need.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u200b\u2028-\u202e\u2060-\u2069\ufeff]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape begins it
const TERMINAL_COLOUR = /\u001b\[[0-9;]*m/g;
const DELETE = 0x7f;
const FIRST_PICTURE = 0x2400;
const DELETE_PICTURE = "\u2421";
const REPLACEMENT = "\ufffd";

/** Shows the characters that others write to hide or to turn text as signs, and drops the colours of a terminal. */
export function showControls(text: string): string {
  return text.replace(TERMINAL_COLOUR, "").replace(CONTROLS, (control) => {
    const code = control.charCodeAt(0);
    if (code === DELETE) return DELETE_PICTURE;
    return code < DELETE ? String.fromCharCode(FIRST_PICTURE + code) : REPLACEMENT;
  });
}
