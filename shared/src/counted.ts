/** A number with its noun, which gets an s unless there is one: `1 job`, `2,000 jobs`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en-US")} ${noun}${count === 1 ? "" : "s"}`;
}
