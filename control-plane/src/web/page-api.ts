import type { Problem, Scope } from "@splatt/shared";
import { apiRequest } from "../http/api-request.ts";

/** Who looks at a page: the key of the session. */
export interface Viewer {
  readonly name: string;
  may(scope: Scope): boolean;
}

/** The public API as a page uses it: with the rights of the session, and nothing that a script could not do. */
export interface PageApi {
  /** @throws PageProblem when the API refuses */
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  delete<T>(path: string): Promise<T>;
}

/** The API's refusal, shown as a page. */
export class PageProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.title);
    this.name = "PageProblem";
    this.problem = problem;
  }
}

type CallApi = (request: Request) => Promise<Response>;

/**
 * @param request the page's own, whose cookie and address the calls carry
 * @param call the Worker's API, in this process
 */
export function pageApi(request: Request, call: CallApi): PageApi {
  const send = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await call(apiRequest(request, method, path, body));
    if (!response.ok) throw new PageProblem(await response.json<Problem>());
    return response.json<T>();
  };
  return {
    get: (path) => send("GET", path),
    post: (path, body) => send("POST", path, body),
    delete: (path) => send("DELETE", path),
  };
}
