import { type Agent, request } from "node:http";

/** Gets a page over kept-alive connections and throws unless it is 200. @returns milliseconds */
export function timedGet(url: string, agent: Agent, apiKey: string): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const sending = request(url, { agent, headers: { "x-api-key": apiKey } }, (response) => {
      response.resume();
      response.on("end", () => {
        if (response.statusCode === 200) resolve(performance.now() - began);
        else reject(new Error(`${url}: unexpected status ${response.statusCode}`));
      });
    });
    sending.on("error", reject);
    sending.end();
  });
}

/** Requests per second over this many connections. */
export async function requestRate(
  url: () => string,
  apiKey: string,
  agent: Agent,
  requests: number,
  connections: number,
): Promise<number> {
  const began = performance.now();
  const left = Array.from({ length: requests }).values();
  const client = async () => {
    for (const _ of left) await timedGet(url(), agent, apiKey);
  };
  await Promise.all(Array.from({ length: connections }, client));
  return (1000 * requests) / (performance.now() - began);
}
