import worker from "../index.ts";
import { checkAnswer } from "./contract-check.ts";

/** The Worker of the tests: an answer that the contract does not describe fails the request. */

export * from "../index.ts";

export default {
  ...worker,
  async fetch(request, env, ctx) {
    const response = await worker.fetch(request, env, ctx);
    await checkAnswer(request, response);
    return response;
  },
} satisfies ExportedHandler<Cloudflare.Env>;
