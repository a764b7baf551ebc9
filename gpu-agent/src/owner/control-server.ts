import { once } from "node:events";
import { chmod, mkdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { errorText } from "@splatt/shared";
import type { z } from "zod";
import type { EndedJob } from "../jobs/retention.ts";
import {
  type AgentStatus,
  controlSocketPath,
  type GcReport,
  GcRequest,
  PauseRequest,
} from "./control-protocol.ts";

/** What the command line can request from a running agent. */
export interface ControlledAgent {
  status(): AgentStatus;
  pause(request: z.infer<typeof PauseRequest>): Promise<void>;
  resume(): Promise<void>;
  restart(): void;
  gc(request: z.infer<typeof GcRequest>): Promise<EndedJob[]>;
}

const MAX_BODY_BYTES = 64 * 1024;

/**
 * Answers the command line until the returned function is called. The caller must hold the workspace's lock: an
 * existing socket is then left over from a killed agent, and is replaced.
 */
export async function serveOwner(
  workspaceRoot: string,
  agent: ControlledAgent,
): Promise<() => Promise<void>> {
  const path = controlSocketPath(workspaceRoot);
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  const server = createServer((request, response) => {
    answer(agent, request).then(
      (body) => send(response, 200, body),
      (error: unknown) => send(response, 400, { error: errorText(error) }),
    );
  });
  server.listen(path);
  await once(server, "listening");
  await chmod(path, 0o600);
  return async () => {
    server.close();
    server.closeAllConnections();
    // On a disk that fails it stays, and the next agent replaces it.
    await rm(path, { force: true }).catch(() => undefined);
  };
}

async function answer(agent: ControlledAgent, request: IncomingMessage): Promise<unknown> {
  switch (`${request.method} ${request.url}`) {
    case "GET /status":
      return agent.status();
    case "POST /pause":
      await agent.pause(PauseRequest.parse(await readBody(request)));
      return agent.status();
    case "POST /resume":
      await agent.resume();
      return agent.status();
    case "POST /restart":
      agent.restart();
      return agent.status();
    case "POST /gc": {
      const removed = await agent.gc(GcRequest.parse(await readBody(request)));
      return { removed } satisfies z.infer<typeof GcReport>;
    }
    default:
      throw new Error(`This agent does not support ${request.method} ${request.url}.`);
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > MAX_BODY_BYTES) throw new Error("The request is too long.");
  }
  return JSON.parse(text);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
