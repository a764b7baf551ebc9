import { sha256Hex } from "../http/credentials.ts";

const IV_BYTES = 12;

/**
 * A request that carries an `Idempotency-Key`. The database learns neither the key nor the answer: an answer may hold
 * a secret that is shown once, so it is encrypted with what only this client has, its API key and its idempotency key.
 */
export class KeyedRequest {
  /** SHA-256 of the API key's id and the idempotency key, hex. */
  readonly id: string;
  /** SHA-256 of what the request asks for, hex. */
  readonly fingerprint: string;
  readonly #secret: CryptoKey;

  private constructor(id: string, fingerprint: string, secret: CryptoKey) {
    this.id = id;
    this.fingerprint = fingerprint;
    this.#secret = secret;
  }

  /**
   * @param sender the API key's id, empty for the bootstrap key, and the API key itself or the session's cookie
   * @param key the value of `Idempotency-Key`
   * @param meaning the same text for requests that ask for the same
   */
  static async of(
    { keyId, credential }: { readonly keyId: string; readonly credential: string },
    key: string,
    meaning: string,
  ): Promise<KeyedRequest> {
    const [id, fingerprint, secret] = await Promise.all([
      sha256Hex(`${keyId}\n${key}`),
      sha256Hex(meaning),
      answerKey(credential, key),
    ]);
    return new KeyedRequest(id, fingerprint, secret);
  }

  /** @returns the answer as it is stored: a random IV and the ciphertext, base64 */
  async seal(answer: string): Promise<string> {
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv },
      this.#secret,
      new TextEncoder().encode(answer),
    );
    return btoa(Array.from([...iv, ...new Uint8Array(sealed)], (byte) => String.fromCharCode(byte)).join(""));
  }

  /** @returns null when it was sealed for a request with another API key: the key was rotated since */
  async open(stored: string): Promise<string | null> {
    const bytes = Uint8Array.from(atob(stored), (character) => character.charCodeAt(0));
    const [iv, sealed] = [bytes.subarray(0, IV_BYTES), bytes.subarray(IV_BYTES)];
    try {
      const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, this.#secret, sealed);
      return new TextDecoder().decode(opened);
    } catch {
      return null;
    }
  }
}

async function answerKey(credential: string, key: string): Promise<CryptoKey> {
  const material = new TextEncoder().encode(`splatt idempotent answer\n${credential}\n${key}`);
  const digest = await crypto.subtle.digest("SHA-256", material);
  return crypto.subtle.importKey("raw", digest, "AES-GCM", false, ["encrypt", "decrypt"]);
}
