import { z } from "zod";

/** A request or a notification. The revision of the protocol decides what `params` holds. */
export const JsonRpcMessage = z.object({
  jsonrpc: z.literal("2.0").describe("The version of JSON-RPC."),
  id: z
    .union([z.string().max(255), z.int()])
    .optional()
    .describe("Missing in a notification."),
  method: z.string().min(1).max(255).describe("Such as `tools/list` and `tools/call`."),
  params: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("The method's parameters, as the Model Context Protocol defines them."),
});

export const JsonRpcResponse = z
  .object({
    jsonrpc: z.literal("2.0").describe("The version of JSON-RPC."),
    id: z
      .union([z.string(), z.int(), z.null()])
      .describe("The request's id; null when it could not be read."),
    result: z
      .record(z.string(), z.unknown())
      .optional()
      .describe("What the method returned; absent when there is an error."),
    error: z
      .object({
        code: z.int().describe("A code of JSON-RPC, such as -32601 for an unknown method."),
        message: z.string().describe("What is wrong."),
        data: z.unknown().optional().describe("More about the error, as the protocol defines it."),
      })
      .optional()
      .describe("Why the method failed; absent when there is a result."),
  })
  .describe("The method's result, or an error");
