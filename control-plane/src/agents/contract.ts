import { AgentCreated, AgentDraining, AgentList, CreateAgent, DrainAgent, Message } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const CREATE_AGENT: Operation = {
  id: "createAgent",
  method: "post",
  path: "/agents",
  tag: "Agents",
  summary: "Register an agent and mint its token",
  scope: "agents",
  creates: true,
  body: CreateAgent,
  example: { name: "gpu-box" },
  answers: { 200: AgentCreated },
  problems: ["outside_key"],
};

export const LIST_AGENTS: Operation = {
  id: "listAgents",
  method: "get",
  path: "/agents",
  tag: "Agents",
  summary: "List agents, newest first",
  scope: "agents",
  answers: { 200: AgentList },
  problems: [],
};

export const DRAIN_AGENT: Operation = {
  id: "drainAgent",
  method: "post",
  path: "/agents/{id}/drain",
  tag: "Agents",
  summary: "Let an agent finish its jobs and exit",
  scope: "agents",
  body: DrainAgent,
  example: { deadline_sec: 3600 },
  bodyOptional: true,
  answers: { 200: AgentDraining },
  problems: ["agent_not_found", "agent_not_connected"],
};

export const DELETE_AGENT: Operation = {
  id: "deleteAgent",
  method: "delete",
  path: "/agents/{id}",
  tag: "Agents",
  summary: "Delete an agent and revoke its token",
  scope: "agents",
  answers: { 200: Message },
  problems: ["agent_not_found"],
};
