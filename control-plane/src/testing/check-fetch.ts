import { SERVED_SEGMENTS } from "../http/served-paths.ts";
import { checkAnswer } from "./contract-check.ts";

/** A set-up file for tests in Node: every answer of a control plane on this machine is compared with the contract. */

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);
const nodeFetch = globalThis.fetch;

const checkedFetch: typeof fetch = async (input, init) => {
  const response = await nodeFetch(input, init);
  const request = new URL(input instanceof Request ? input.url : input);
  const isControlPlane =
    LOOPBACK.has(request.hostname) && SERVED_SEGMENTS.includes(request.pathname.split("/")[1] ?? "");
  const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
  if (isControlPlane) await checkAnswer({ method, url: request.href }, response);
  return response;
};

/** `unchecked` is for a control plane of another version, which has another contract. */
globalThis.fetch = Object.assign(checkedFetch, { unchecked: nodeFetch });
