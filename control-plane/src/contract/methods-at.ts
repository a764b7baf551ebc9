import { OPERATIONS } from "./operations.ts";

/** A path with parameters, such as `/jobs/{id}`, as a pattern of actual paths. A trailing slash makes no difference. */
export function pathPattern(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}/?$`);
}

const PATTERNS = OPERATIONS.map(({ path, method }) => ({
  pattern: pathPattern(path),
  isNamed: !path.includes("{"),
  method,
}));

/** The methods that a path of the public API takes, for `Allow`. `/webhooks/callback-secret` is not a webhook. */
export function methodsAt(path: string): string[] {
  const matching = PATTERNS.filter(({ pattern }) => pattern.test(path));
  const named = matching.filter(({ isNamed }) => isNamed);
  const methods = new Set((named.length > 0 ? named : matching).map(({ method }) => method));
  if (methods.has("get")) methods.add("head");
  return [...methods].map((method) => method.toUpperCase()).toSorted();
}
