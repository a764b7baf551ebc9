import { type Logger, pino } from "pino";
import pretty from "pino-pretty";

export type LogFormat = "pretty" | "json";

/** Lines for people by default, JSON for machines. Tokens and keys never reach a log call. */
export function createLogger(options: { level: string; format: LogFormat }): Logger {
  const settings = { level: options.level, base: null };
  if (options.format === "json") return pino(settings);
  const stream = pretty({
    sync: true,
    translateTime: "SYS:HH:MM:ss",
    messageFormat: "{if job}[{job}] {end}{msg}",
    ignore: "job",
    singleLine: true,
  });
  return pino(settings, stream);
}
