import { CreateSession, Me, Message, SessionCreated } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const GET_ME: Operation = {
  id: "getMe",
  method: "get",
  path: "/me",
  tag: "Keys",
  summary: "What the request's API key may do",
  scope: "any",
  answers: { 200: Me },
  problems: [],
};

export const CREATE_SESSION: Operation = {
  id: "createSession",
  method: "post",
  path: "/session",
  tag: "Keys",
  summary: "Sign a browser in",
  description:
    "Exchanges an API key for a session cookie of 12 hours. The session may do what the key may, and ends with it.",
  scope: null,
  body: CreateSession,
  example: { api_key: "$KEY" },
  answers: { 200: SessionCreated },
  problems: ["unauthorized", "foreign_origin", "rate_limited", "not_configured"],
};

export const DELETE_SESSION: Operation = {
  id: "deleteSession",
  method: "delete",
  path: "/session",
  tag: "Keys",
  summary: "Sign a browser out",
  scope: null,
  answers: { 200: Message },
  problems: ["foreign_origin"],
};
