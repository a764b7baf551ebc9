import { type CallToolResult, Server, type Tool as ToolDescription } from "@modelcontextprotocol/server";
import { type Problem, problemForPeople, problemText } from "@splatt/shared";
import manifest from "../../package.json" with { type: "json" };
import { ApiError, problemOf } from "../http/problem.ts";
import { isAdmin, type Principal } from "../keys/principal.ts";
import { log } from "../log.ts";
import { type ToolApi, ToolProblem } from "./tool-api.ts";
import { TOOLS, type Tool } from "./tools.ts";

const INSTRUCTIONS = `Splatt turns videos into 3D Gaussian splats. Call submit_job with the https address of a video file, then wait_for_job
until the status is completed, failed or cancelled, then job_results or share_job. A file that has no public address is
uploaded over the HTTP API first; /llms.txt on this server says how.`;

/** A server of the Model Context Protocol for one request, with the tools that the key may use. */
export function mcpServer(principal: Principal, api: ToolApi): Server {
  const tools = TOOLS.filter((tool) => mayUse(principal, tool));
  const server = new Server(
    { name: "splatt", title: "Splatt", version: manifest.version },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler("tools/list", () => ({ tools: tools.map(describeTool) }));
  server.setRequestHandler("tools/call", async ({ params }) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool !== undefined) return callTool(tool, api, params.arguments ?? {});
    const names = tools.map(({ name }) => name).join(", ");
    return refused(
      `This key has no tool ${params.name}. It has ${names === "" ? "none" : `these: ${names}`}.`,
    );
  });
  return server;
}

function mayUse(principal: Principal, { scopes }: Tool): boolean {
  const has = (scope: Tool["scopes"][number]) =>
    scope === null || scope === "any" || principal.scopes.has(scope);
  return isAdmin(principal) || scopes.every(has);
}

function describeTool({ name, title, description, input, isReadOnly, isDestructive }: Tool): ToolDescription {
  return {
    name,
    title,
    description,
    inputSchema: input as ToolDescription["inputSchema"],
    annotations: { readOnlyHint: isReadOnly, destructiveHint: isDestructive, openWorldHint: true },
  };
}

/** A refusal is a result that the model reads, not an error of the protocol. */
async function callTool(tool: Tool, api: ToolApi, args: unknown): Promise<CallToolResult> {
  try {
    const result = await tool.call(api, args);
    return { content: [{ type: "text", text: JSON.stringify(result) }], structuredContent: { ...result } };
  } catch (error) {
    if (error instanceof ToolProblem) return refusedFor(error.problem);
    if (error instanceof ApiError) return refusedFor(problemOf(error));
    log("error", "tool failed", { tool: tool.name }, error);
    return refusedFor(problemOf(new ApiError("internal_error")));
  }
}

/** The model has tools, and cannot do what a hint says of the API. */
function refusedFor(problem: Problem): CallToolResult {
  return refused(problemText(problemForPeople(problem)));
}

function refused(text: string): CallToolResult {
  return { content: [{ type: "text", text }], isError: true };
}
