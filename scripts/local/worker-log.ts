/** Formats a line of the Worker's JSON log for people: `14:02:11 control-plane job assigned job=… attempt=1`. */
export function formatWorkerLog(text: string): string {
  const time = new Date().toTimeString().slice(0, 8);
  try {
    const { level, event, ...fields } = JSON.parse(text) as Record<string, unknown>;
    const details = Object.entries(fields).map(([key, value]) => `${key}=${shorten(key, String(value))}`);
    const mark = level === "info" ? "" : `${String(level).toUpperCase()} `;
    return [`${time} control-plane: ${mark}${event}`, ...details].join(" ");
  } catch {
    return `${time} control-plane: ${text}`;
  }
}

/** The part of a job's id that the agent's log shows. */
function shorten(key: string, value: string): string {
  return key === "job" ? value.slice(0, 8) : value;
}
