import { CreateKeyFields, KeyCreated, KeyList, KeyView, ListPageQuery, Message } from "@splatt/shared";
import type { Operation } from "../contract/operation.ts";

export const CREATE_KEY: Operation = {
  id: "createKey",
  method: "post",
  path: "/keys",
  tag: "Keys",
  summary: "Create an API key",
  description: "The answer is the only one that contains the key.",
  scope: "admin",
  creates: true,
  body: CreateKeyFields,
  example: { name: "backend", scopes: ["jobs:write", "results:read"] },
  answers: { 200: KeyCreated },
  problems: [],
};

export const LIST_KEYS: Operation = {
  id: "listKeys",
  method: "get",
  path: "/keys",
  tag: "Keys",
  summary: "List API keys, newest first",
  scope: "admin",
  query: ListPageQuery,
  answers: { 200: KeyList },
  problems: [],
};

export const GET_KEY: Operation = {
  id: "getKey",
  method: "get",
  path: "/keys/{id}",
  tag: "Keys",
  summary: "An API key, without the key itself",
  scope: "admin",
  answers: { 200: KeyView },
  problems: ["key_not_found"],
};

export const DELETE_KEY: Operation = {
  id: "deleteKey",
  method: "delete",
  path: "/keys/{id}",
  tag: "Keys",
  summary: "Revoke an API key",
  description: "Once this is answered, the key and its sessions are refused.",
  scope: "admin",
  answers: { 200: Message },
  problems: ["key_not_found"],
};
