import type { Context } from "hono";
import type { Env } from "../env.ts";
import type { PageApi, Viewer } from "./page-api.ts";

/** What hono's context carries on every page. */
export interface PageEnv {
  Bindings: Env;
  Variables: {
    api: PageApi;
    /** Who is signed in. @throws PageProblem 401 without a valid session */
    viewer: () => Promise<Viewer>;
  };
}

/** Calls the Worker's API within the same process. */
export type CallApi = (request: Request, c: Context) => Promise<Response>;
