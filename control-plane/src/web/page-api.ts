import { PROBLEMS, type Problem, type ProblemCode, type Scope } from "@splatt/shared";
import { apiRequest } from "../http/api-request.ts";

/** Who looks at a page: the key of the session. */
export interface Viewer {
  readonly name: string;
  readonly scopes: readonly Scope[];
  may(scope: Scope): boolean;
}

/** The public API as a page uses it: with the rights of the session, and nothing that a script could not do. */
export interface PageApi {
  /** @throws PageProblem when the API refuses */
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  /** Creates something, once for each `key`. */
  create<T>(path: string, body: unknown, key: string): Promise<T>;
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

/** @throws PageProblem always; a page that lacks something answers as the API does */
export function refuse(code: ProblemCode, detail: string = PROBLEMS[code].title): never {
  const { status, title, hint } = PROBLEMS[code];
  throw new PageProblem({ type: "about:blank", title, status, detail, code, hint });
}

type CallApi = (request: Request) => Promise<Response>;

/**
 * @param request the page's own, whose cookie and address the calls carry
 * @param call the Worker's API, in this process
 */
export function pageApi(request: Request, call: CallApi): PageApi {
  const send = async <T>(method: string, path: string, body?: unknown, key?: string): Promise<T> => {
    const sent = apiRequest(request, method, path, body);
    if (key !== undefined) sent.headers.set("idempotency-key", key);
    const response = await call(sent);
    if (!response.ok) throw new PageProblem(await response.json<Problem>());
    return response.json<T>();
  };
  return {
    get: (path) => send("GET", path),
    post: (path, body) => send("POST", path, body),
    create: (path, body, key) => send("POST", path, body, key),
    delete: (path) => send("DELETE", path),
  };
}
