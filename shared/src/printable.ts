const MAX_LENGTH = 500;

/**
 * Characters that a terminal or a log viewer does not show as they are: C0 and C1 controls, among them the escape of
 * ANSI sequences, line and paragraph separators, zero-width and bidirectional marks, and lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** An absolute URL: its query, fragment and user often hold a token or a signature. */
const URL_PARTS = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)(?:[^\s/?#]*@)?([^\s?#]*)([?#]\S*)?/gi;

const AGENT_TOKEN = /(splatt_agent_[0-9a-f-]{36})\.\S+/g;

/** Text from outside for a log line or a terminal: one line, without control characters, URL secrets and tokens. */
export function printable(text: string, maxLength = MAX_LENGTH): string {
  const withoutSecrets = text
    .replace(AGENT_TOKEN, "$1.[secret]")
    .replace(URL_PARTS, (_, scheme: string, rest: string, query?: string) =>
      query === undefined ? `${scheme}${rest}` : `${scheme}${rest}?[secret]`,
    );
  const cut = withoutSecrets.length > maxLength ? `${withoutSecrets.slice(0, maxLength)}…` : withoutSecrets;
  return cut.replace(UNPRINTABLE, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
