import { ADDITIONS, type Mutation } from "./mutation.ts";

/** API keys and idempotency keys. */
export const KEY_MUTATIONS: readonly Mutation[] = [
  {
    name: "key-after-job",
    is: "an idempotency key is stored after the job that it creates, not with it",
    found: 50,
    changes: [
      {
        file: "control-plane/src/idempotency/creation.ts",
        search: "db.batch([...statements, key])",
        replace: "db.batch(statements).then(() => db.batch([key]))",
      },
    ],
  },
  {
    name: "key-not-unique",
    is: "a second request with an idempotency key does not fail on the first one's row",
    found: 50,
    changes: [
      {
        file: "control-plane/src/idempotency/creation.ts",
        search: "answer: stored, createdAt: Date.now() });",
        replace: "answer: stored, createdAt: Date.now() }).onConflictDoNothing();",
      },
    ],
  },
  {
    name: "keys-purged-early",
    is: "the purge removes idempotency keys that may still be sent again",
    found: 219,
    changes: [
      {
        file: "control-plane/src/idempotency/purge-keys.ts",
        search: "now - KEPT_MS",
        replace: "now",
      },
    ],
  },
  {
    name: "revoked-key-accepted",
    is: "a revoked key still counts",
    found: 176,
    changes: [
      {
        file: "control-plane/src/keys/authenticate-key.ts",
        search: "return revokedAt === null && (",
        replace: "return revokedAt !== 0 && (",
      },
    ],
  },
  {
    name: "revoked-key-creates",
    is: "a job is created for a key that was revoked while its request was under way",
    found: 21,
    changes: [
      {
        file: ADDITIONS,
        search: `CREATE TRIGGER jobs_limited AFTER INSERT ON jobs WHEN NEW.api_key_id IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'refused: key_revoked')
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE id = NEW.api_key_id AND revoked_at IS NULL);`,
        replace: "CREATE TRIGGER jobs_limited AFTER INSERT ON jobs WHEN NEW.api_key_id IS NOT NULL BEGIN",
      },
    ],
  },
  {
    name: "revoked-key-told",
    is: "a receiver gets webhooks after the key that asked for them was revoked",
    found: 38,
    changes: [
      {
        file: "control-plane/src/webhooks/attempt.ts",
        search: "key.revokedAt !== null || ",
        replace: "",
      },
      {
        file: ADDITIONS,
        search: "(api_keys.id IS NOT NULL AND api_keys.revoked_at IS NULL)",
        replace: "api_keys.id IS NOT NULL",
      },
    ],
  },
  {
    name: "stored-bytes-not-freed",
    is: "results that are removed still count against their key's limit",
    found: 144,
    changes: [
      {
        file: ADDITIONS,
        search: "UPDATE api_keys SET bytes_stored = bytes_stored - OLD.size\n    WHERE",
        replace: "UPDATE api_keys SET bytes_stored = bytes_stored - 0\n    WHERE",
      },
    ],
  },
];
