import { base64Url, equalsInConstantTime } from "../http/credentials.ts";
import type { SigningSecret } from "./signing-secrets.ts";

/** What a link to a result file allows: this file, of this attempt, until then. */
export interface LinkClaims {
  readonly jobId: string;
  readonly attempt: number;
  readonly filename: string;
  /** Seconds since the epoch; from that moment on the link does not work. */
  readonly expires: number;
}

/** A token's parts, read and not yet believed. The file's name is in the URL. */
export interface UnverifiedToken extends Omit<LinkClaims, "filename"> {
  readonly secretId: string;
}

const TOKEN =
  /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.(\d{1,9})\.(\d{1,11})\.([0-9a-f]{8})\.[\w-]{43}$/;

/** `job.attempt.expires.secret.mac`: readable, and verified as text, so that it has a single spelling. */
export async function signLink(secret: SigningSecret, claims: LinkClaims): Promise<string> {
  const head = `${claims.jobId}.${claims.attempt}.${claims.expires}.${secret.id}`;
  // The first line keeps signatures of other kinds apart; a file's name has no line break.
  const message = new TextEncoder().encode(`splatt result link\n${head}\n${claims.filename}`);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", secret.key, message));
  return `${head}.${base64Url(mac)}`;
}

/** @returns null for what is not a token */
export function parseToken(token: string): UnverifiedToken | null {
  const [, jobId, attempt, expires, secretId] = TOKEN.exec(token) ?? [];
  if (jobId === undefined || secretId === undefined) return null;
  return { jobId, attempt: Number(attempt), expires: Number(expires), secretId };
}

/** Whether the secret signed exactly this token for exactly this file, in a time that does not depend on the answer. */
export async function isSigned(token: string, claims: LinkClaims, secret: SigningSecret): Promise<boolean> {
  return equalsInConstantTime(token, await signLink(secret, claims));
}
