import type { Operation } from "../contract/operation.ts";

export const GET_OPENAPI: Operation = {
  id: "getOpenApi",
  method: "get",
  path: "/openapi.json",
  tag: "Documentation",
  summary: "This contract as an OpenAPI 3.1 document",
  scope: null,
  answers: { 200: { description: "The document", content: ["application/json"] } },
  problems: [],
};
