import { JsonRpcMessage, JsonRpcResponse } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const CALL_MCP: Operation = {
  id: "callMcp",
  method: "post",
  path: "/mcp",
  tag: "Operations",
  summary: "Call the Model Context Protocol",
  description:
    "For tools that use language models: streamable HTTP without sessions, one JSON-RPC message per request. `tools/list` has the tools that the key's scopes allow.",
  scope: "any",
  body: JsonRpcMessage,
  example: { jsonrpc: "2.0", id: 1, method: "tools/list" },
  answers: {
    200: JsonRpcResponse,
    202: { description: "The notification was taken", content: [] },
    400: { description: "The protocol does not allow this message", content: ["application/json"] },
    404: { description: "The protocol has no such method", content: ["application/json"] },
  },
  foreignAnswer: true,
  problems: [],
};
