import { CreateSession, type Holder, type Me, offsetUtc, type SessionCreated } from "@splatt/shared";
import { Hono } from "hono";
import type { ApiEnv } from "../app-env.ts";
import { serve } from "../contract/serve.ts";
import { guardCredentials } from "../http/guard-credentials.ts";
import { ApiError } from "../http/problem.ts";
import { readJson, validate } from "../http/validate.ts";
import { authenticate, requireOwnOrigin } from "../keys/authenticate.ts";
import type { Principal } from "../keys/principal.ts";
import { limitUse } from "../keys/quota.ts";
import { CREATE_SESSION, DELETE_SESSION, GET_ME } from "./contract.ts";
import { deleteSessionToken, sessionToken, setSessionToken } from "./session-cookie.ts";
import { createSession, endSession } from "./sessions.ts";

export const meRoutes = new Hono<ApiEnv>().use(authenticate).get("/", serve(GET_ME), async (c) => {
  const principal = c.get("principal");
  const { limits, expiresAt } = principal;
  const me: Me = {
    ...toMe(principal),
    expires_at: expiresAt === null ? null : offsetUtc(expiresAt),
    limits,
    used: await limitUse(c.env, principal),
  };
  return c.json(me);
});

/** Browsers sign in with an API key and keep a cookie that scripts cannot read. */
export const sessionRoutes = new Hono<ApiEnv>()
  .post("/", serve(CREATE_SESSION), async (c) => {
    const { api_key } = validate(CreateSession, await readJson(c), "body");
    // Another site must not sign its visitors in here with its key.
    if (c.req.header("origin") !== undefined) requireOwnOrigin(c);
    if (!c.env.GPU_API_KEY) throw new ApiError("not_configured");
    const session = await guardCredentials(c, "API key", () => createSession(c.env, api_key));
    if (session === null) throw new ApiError("unauthorized");
    setSessionToken(c, session.token);
    const created: SessionCreated = { ...toMe(session.principal), expires_at: offsetUtc(session.expiresAt) };
    return c.json(created);
  })

  .delete("/", serve(DELETE_SESSION), async (c) => {
    const token = sessionToken(c);
    if (token !== undefined) {
      requireOwnOrigin(c);
      await endSession(c.env, token);
    }
    deleteSessionToken(c);
    return c.json({ message: "Signed out" });
  });

function toMe({ keyId, name, scopes, pool, labels }: Principal): Holder {
  return { key_id: keyId, name, scopes: [...scopes], pool, labels: labels === null ? null : { ...labels } };
}
