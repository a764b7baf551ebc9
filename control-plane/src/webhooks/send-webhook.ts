/** Sends a request on behalf of an API key; null means the bootstrap key. */
export type SendWebhook = (
  keyId: string | null,
  url: string,
  init: RequestInit & {
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly signal: AbortSignal;
  },
) => Promise<Response>;
