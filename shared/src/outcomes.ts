/** Results and failures alone, for threads: everything takes ten times as long to load, because of its schemas. */

export { errorText } from "./error-text.ts";
export { type Failure, failure } from "./failures.ts";
export { err, ok, type Result } from "./result.ts";
