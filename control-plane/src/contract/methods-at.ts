import { OPERATIONS } from "./operations.ts";

/** A path with parameters, such as `/jobs/{id}`, as a pattern of actual paths. A trailing slash makes no difference. */
export function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}/?$`);
}

const PATTERNS = OPERATIONS.map(({ path, method }) => ({ pattern: pathPattern(path), method }));

/** The methods that a path of the public API takes, for `Allow`. */
export function methodsAt(path: string): string[] {
  const methods = new Set(PATTERNS.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method));
  if (methods.has("get")) methods.add("head");
  return [...methods].map((method) => method.toUpperCase()).toSorted();
}
