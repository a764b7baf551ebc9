import type { Problem } from "@splatt/shared";
import { apiRequest } from "../http/api-request.ts";

/** The API's refusal, which a tool passes on. */
export class ToolProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.name = "ToolProblem";
    this.problem = problem;
  }
}

/** The public API as a tool uses it: with the rights of the request's key, and nothing beyond what a script can do. */
export interface ToolApi {
  /** @throws ToolProblem when the API refuses */
  get<T>(path: string): Promise<T>;
  /** @param idempotencyKey lets the request be repeated without creating twice */
  post<T>(path: string, body?: unknown, idempotencyKey?: string): Promise<T>;
}

/**
 * @param request the one to `/mcp`, on whose behalf the API is called
 * @param call the Worker's API, in this process
 */
export function toolApi(request: Request, call: (request: Request) => Promise<Response>): ToolApi {
  const send = async <T>(...args: [string, string, unknown?, Record<string, string>?]): Promise<T> => {
    const response = await call(apiRequest(request, ...args));
    if (!response.ok) throw new ToolProblem(await response.json<Problem>());
    return response.json<T>();
  };
  return {
    get: (path) => send("GET", path),
    post: (path, body, key) => send("POST", path, body, key === undefined ? {} : { "idempotency-key": key }),
  };
}
