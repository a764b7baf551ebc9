/** The agent's modules. The loader's hooks are already installed and supply the fakes. */
export async function loadAgentCode() {
  const { Agent } = await import("@splatt/gpu-agent/agent");
  const { Workspace } = await import("@splatt/gpu-agent/jobs/workspace");
  const { GpuHost } = await import("@splatt/gpu-agent/gpu-host");
  const { PauseFile } = await import("@splatt/gpu-agent/owner/pause");
  const { ControlPlaneClient } = await import("@splatt/gpu-agent/control-plane-client");
  const { runStages } = await import("@splatt/gpu-agent/pipeline/run-stages");
  const { controlPlaneDelivery } = await import("@splatt/gpu-agent/pipeline/control-plane-delivery");
  const { Secret } = await import("@splatt/gpu-agent/secret");
  return {
    Secret,
    Agent,
    Workspace,
    GpuHost,
    PauseFile,
    ControlPlaneClient,
    runStages,
    controlPlaneDelivery,
  };
}

export type AgentCode = Awaited<ReturnType<typeof loadAgentCode>>;
