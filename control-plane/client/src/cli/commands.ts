import type { Command } from "./command.ts";
import { agents, agentsAdd, agentsDrain, agentsRemove } from "./commands/agents.ts";
import { completion } from "./commands/completion.ts";
import { health } from "./commands/health.ts";
import { cancel, list, logs, open, remove, retry, status } from "./commands/jobs.ts";
import { keys, keysCreate, keysRevoke } from "./commands/keys.ts";
import { webhooksListen } from "./commands/listen.ts";
import { login } from "./commands/login.ts";
import { get, run, submit, watch } from "./commands/run.ts";
import { share, shareList, shareRevoke } from "./commands/share.ts";
import {
  webhooks,
  webhooksAdd,
  webhooksDeliveries,
  webhooksRemove,
  webhooksTest,
} from "./commands/webhooks.ts";

const OTHERS: readonly Command[] = [
  run,
  login,
  submit,
  status,
  watch,
  logs,
  list,
  get,
  open,
  cancel,
  retry,
  remove,
  share,
  shareList,
  shareRevoke,
  agents,
  agentsAdd,
  agentsDrain,
  agentsRemove,
  keys,
  keysCreate,
  keysRevoke,
  webhooks,
  webhooksAdd,
  webhooksRemove,
  webhooksTest,
  webhooksDeliveries,
  webhooksListen,
  health,
];

export const COMMANDS: readonly Command[] = [...OTHERS, completion(OTHERS)];
