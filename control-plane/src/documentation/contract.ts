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

export const GET_LLMS_TEXT: Operation = {
  id: "getLlmsText",
  method: "get",
  path: "/llms.txt",
  tag: "Documentation",
  summary: "What a language model needs to know to use this API",
  scope: null,
  answers: { 200: { description: "Markdown", content: ["text/plain"] } },
  problems: [],
};
