/** @returns null in a page without TLS, where browsers have no Web Crypto */
export async function sha256Hex(bytes: ArrayBuffer): Promise<string | null> {
  if ((crypto.subtle as unknown) === undefined) return null;
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** Unlike `randomUUID`, also where a page has no TLS. */
export function randomHex(): string {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
