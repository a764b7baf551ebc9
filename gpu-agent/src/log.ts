import { errorText, printable } from "@splatt/shared";
import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type LogFormat = "pretty" | "json";

interface LogOptions {
  readonly level: string;
  readonly format: LogFormat;
  /** Where the lines go; by default stdout. */
  readonly destination?: NodeJS.WritableStream;
}

/**
 * Creates a logger that prints lines for people, or JSON. Untrusted text can neither forge a line nor control the
 * terminal, and its URLs lose their queries. Secrets have the type `Secret`, which prints as `[secret]`.
 */
export function createLogger({ level, format, destination = process.stdout }: LogOptions): Logger {
  const settings: pino.LoggerOptions = {
    level,
    base: null,
    serializers: { err: serializeError },
    formatters: { log: (fields) => safe(fields) as Record<string, unknown> },
    hooks: {
      logMethod(args, method) {
        method.apply(
          this,
          args.map((arg) => (typeof arg === "string" ? printable(arg) : arg)) as typeof args,
        );
      },
    },
  };
  if (format === "json") return pino(settings, destination);
  const stream = pretty({
    sync: true,
    destination,
    translateTime: "SYS:HH:MM:ss",
    messageFormat: "{if job}[{job}] {end}{msg}",
    ignore: "job",
    singleLine: true,
  });
  return pino(settings, stream);
}

/** Leaves out an error's other properties: they may hold inputs, such as a URL that could not be parsed. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return safe(error);
  return {
    type: error.name,
    message: printable(errorText(error)),
    stack: (error.stack ?? "")
      .split("\n")
      .map((line) => printable(line))
      .join("\n"),
    ...("code" in error ? { code: printable(String(error.code)) } : {}),
  };
}

/** Makes every string in the value printable. */
function safe(value: unknown): unknown {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value)) return value.map(safe);
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [printable(key), safe(field)]));
}
