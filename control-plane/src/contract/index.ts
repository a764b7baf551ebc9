export * from "./openapi.ts";
export * from "./operation.ts";
export * from "./operations.ts";
