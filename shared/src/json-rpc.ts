import { z } from "zod";

/** A request or a notification. The revision of the protocol decides what `params` holds. */
export const JsonRpcMessage = z.object({
  jsonrpc: z.literal("2.0"),
  id: z
    .union([z.string().max(255), z.int()])
    .optional()
    .describe("Missing in a notification."),
  method: z.string().min(1).max(255).describe("Such as `tools/list` and `tools/call`."),
  params: z.record(z.string(), z.unknown()).optional(),
});

export const JsonRpcResponse = z
  .object({
    jsonrpc: z.literal("2.0"),
    id: z.union([z.string(), z.int(), z.null()]),
    result: z.record(z.string(), z.unknown()).optional(),
    error: z.object({ code: z.int(), message: z.string(), data: z.unknown().optional() }).optional(),
  })
  .describe("The method's result, or an error");
