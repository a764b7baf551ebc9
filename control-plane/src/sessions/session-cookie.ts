import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";

/** A browser takes a cookie of this prefix from this very host alone, so no sibling of it can sign a visitor in. */
const [NAME_OVER_TLS, NAME] = ["__Host-splatt_session", "splatt_session"];
export const SESSION_SECONDS = 12 * 3600;

/** The token that a browser keeps of its session. */
export function sessionToken(c: Context): string | undefined {
  return getCookie(c, nameFor(c));
}

export function setSessionToken(c: Context, token: string): void {
  setCookie(c, nameFor(c), token, {
    path: "/",
    httpOnly: true,
    sameSite: "Strict",
    // Browsers drop secure cookies on plain http, but for localhost; a network of one's own may have no TLS.
    secure: isOverTls(c),
    maxAge: SESSION_SECONDS,
  });
}

export function deleteSessionToken(c: Context): void {
  deleteCookie(c, nameFor(c), { path: "/", secure: isOverTls(c) });
}

function nameFor(c: Context): string {
  return isOverTls(c) ? NAME_OVER_TLS : NAME;
}

function isOverTls(c: Context): boolean {
  return new URL(c.req.url).protocol === "https:" || c.req.header("x-forwarded-proto") === "https";
}
