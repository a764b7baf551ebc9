/**
 * Characters that show nothing and change what is around them: controls, as in the colours of a terminal, and those that
 * turn the direction of a text, with which a file name such as "exe.4pm" reads as one of a video. Also those without a
 * width, with which two names look alike; not the joiners, which emoji and Persian need.
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
