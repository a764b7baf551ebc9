import { API_KEY, api, json } from "./api.ts";

export const ORIGIN = "https://splatt.test";

/** The pages as a browser sees them that is signed in with one key. */
export interface Browser {
  get(path: string): Promise<Response>;
  /** The HTML of a page that must answer `status`. */
  html(path: string, status?: number): Promise<string>;
  /** Sends a form. A list of values is a field that appears several times. */
  send(path: string, fields: Readonly<Record<string, string | readonly string[]>>): Promise<Response>;
}

/** Signs in. */
export async function browserOf(key = API_KEY): Promise<Browser> {
  const answer = await api("POST", "/session", { api_key: key }, { origin: ORIGIN });
  const cookie = (answer.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  const get = (path: string) => api("GET", path, undefined, { cookie });
  return {
    get,
    html: async (path, status = 200) => {
      const response = await get(path);
      const text = await response.text();
      if (response.status !== status) throw new Error(`${path} answered ${response.status}: ${text}`);
      return text;
    },
    send: (path, fields) => api("POST", path, encodeForm(fields), { ...FORM, cookie }),
  };
}

const FORM = { "content-type": "application/x-www-form-urlencoded", origin: ORIGIN };

export function encodeForm(fields: Readonly<Record<string, string | readonly string[]>>): Uint8Array {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  return new TextEncoder().encode(new URLSearchParams(pairs).toString());
}

/** A new API key with these scopes. */
export async function keyWith(scopes: readonly string[], fields: object = {}): Promise<string> {
  const body = { name: `key for ${scopes.join(" ")}`, scopes, ...fields };
  return (await json<{ key: string }>(api("POST", "/keys", body))).key;
}
