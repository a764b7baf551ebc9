import { shippedModule } from "../loader.ts";

/** The agent's modules, loaded through the hooks and thus onto the ports. */
export async function loadAgentCode() {
  type AgentModule = typeof import("../../../gpu-agent/src/agent.ts");
  type WorkspaceModule = typeof import("../../../gpu-agent/src/jobs/workspace.ts");
  type ClientModule = typeof import("../../../gpu-agent/src/control-plane-client.ts");
  type TokensModule = typeof import("../../../gpu-agent/src/pipeline/resource-tokens.ts");
  type StagesModule = typeof import("../../../gpu-agent/src/pipeline/run-stages.ts");
  type VideoModule = typeof import("../../../gpu-agent/src/pipeline/download/uploaded-video.ts");
  const load = (path: string): Promise<unknown> => import(shippedModule(`gpu-agent/src/${path}`));
  const { Agent } = (await load("agent.ts")) as AgentModule;
  const { Workspace } = (await load("jobs/workspace.ts")) as WorkspaceModule;
  const { ControlPlaneClient } = (await load("control-plane-client.ts")) as ClientModule;
  const { ResourceTokens } = (await load("pipeline/resource-tokens.ts")) as TokensModule;
  const { runStages } = (await load("pipeline/run-stages.ts")) as StagesModule;
  const { createUploadedVideoStage } = (await load("pipeline/download/uploaded-video.ts")) as VideoModule;
  return { Agent, Workspace, ControlPlaneClient, ResourceTokens, runStages, createUploadedVideoStage };
}

export type AgentCode = Awaited<ReturnType<typeof loadAgentCode>>;
