import { shippedModule } from "../loader.ts";

/** The agent's modules, loaded through the hooks and thus onto the ports. */
export async function loadAgentCode() {
  type AgentModule = typeof import("../../../gpu-agent/src/agent.ts");
  type WorkspaceModule = typeof import("../../../gpu-agent/src/jobs/workspace.ts");
  type MachineModule = typeof import("../../../gpu-agent/src/machine.ts");
  type PauseModule = typeof import("../../../gpu-agent/src/owner/pause.ts");
  type ClientModule = typeof import("../../../gpu-agent/src/control-plane-client.ts");
  type StagesModule = typeof import("../../../gpu-agent/src/pipeline/run-stages.ts");
  type DeliveryModule = typeof import("../../../gpu-agent/src/pipeline/control-plane-delivery.ts");
  const load = (path: string): Promise<unknown> => import(shippedModule(`gpu-agent/src/${path}`));
  const { Agent } = (await load("agent.ts")) as AgentModule;
  const { Workspace } = (await load("jobs/workspace.ts")) as WorkspaceModule;
  const { Machine } = (await load("machine.ts")) as MachineModule;
  const { PauseFile } = (await load("owner/pause.ts")) as PauseModule;
  const { ControlPlaneClient } = (await load("control-plane-client.ts")) as ClientModule;
  const { runStages } = (await load("pipeline/run-stages.ts")) as StagesModule;
  const { controlPlaneDelivery } = (await load("pipeline/control-plane-delivery.ts")) as DeliveryModule;
  return { Agent, Workspace, Machine, PauseFile, ControlPlaneClient, runStages, controlPlaneDelivery };
}

export type AgentCode = Awaited<ReturnType<typeof loadAgentCode>>;
