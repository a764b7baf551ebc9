CREATE TABLE `alarms` (
	`kind` text NOT NULL,
	`subject` text NOT NULL,
	`id` text NOT NULL,
	`pool` text,
	`agent_id` text,
	`message` text NOT NULL,
	`since` integer NOT NULL,
	PRIMARY KEY(`kind`, `subject`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `api_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`key_hash` text NOT NULL,
	`prefix` text NOT NULL,
	`scopes` text NOT NULL,
	`pool` text,
	`labels` text,
	`limits` text,
	`created_at` integer NOT NULL,
	`created_by` text,
	`expires_at` integer,
	`last_used_at` integer,
	`revoked_at` integer,
	`minute_started_at` integer DEFAULT 0 NOT NULL,
	`requests_in_minute` integer DEFAULT 0 NOT NULL,
	`hour` integer DEFAULT 0 NOT NULL,
	`jobs_in_hour` integer DEFAULT 0 NOT NULL,
	`bytes_stored` integer DEFAULT 0 NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_hash` ON `api_keys` (`key_hash`);--> statement-breakpoint
CREATE TABLE `audit_events` (
	`seq` integer PRIMARY KEY NOT NULL,
	`at` integer NOT NULL,
	`api_key_id` text,
	`action` text NOT NULL,
	`subject` text NOT NULL,
	`detail` text
);
--> statement-breakpoint
CREATE TABLE `idempotency_keys` (
	`id` text PRIMARY KEY NOT NULL,
	`fingerprint` text NOT NULL,
	`answer` text NOT NULL,
	`created_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `idempotency_keys_created` ON `idempotency_keys` (`created_at`);--> statement-breakpoint
CREATE TABLE `job_labels` (
	`label` text NOT NULL,
	`seq` integer NOT NULL,
	PRIMARY KEY(`label`, `seq`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `job_uploads` (
	`upload_id` text NOT NULL,
	`job_id` text NOT NULL,
	PRIMARY KEY(`upload_id`, `job_id`)
) WITHOUT ROWID;
--> statement-breakpoint
-- Keyed by job: one index less to write for each upload.
CREATE TABLE `new_result_uploads` (
	`job_id` text NOT NULL,
	`id` text NOT NULL,
	`attempt` integer NOT NULL,
	`filename` text NOT NULL,
	`size` integer NOT NULL,
	`part_size` integer NOT NULL,
	`r2_key` text NOT NULL,
	`r2_upload_id` text NOT NULL,
	`etag` text,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`job_id`, `id`)
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO `new_result_uploads` (`job_id`, `id`, `attempt`, `filename`, `size`, `part_size`, `r2_key`, `r2_upload_id`, `etag`, `created_at`)
  SELECT `job_id`, `id`, `attempt`, `filename`, `size`, `part_size`, `r2_key`, `r2_upload_id`, `etag`, `created_at` FROM `result_uploads`;--> statement-breakpoint
DROP TABLE `result_uploads`;--> statement-breakpoint
ALTER TABLE `new_result_uploads` RENAME TO `result_uploads`;--> statement-breakpoint
CREATE TABLE `result_sweeps` (
	`job_id` text PRIMARY KEY NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `sessions` (
	`id_hash` text PRIMARY KEY NOT NULL,
	`api_key_id` text,
	`key_hash` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `shares` (
	`id` text PRIMARY KEY NOT NULL,
	`job_id` text NOT NULL,
	`token_hash` text NOT NULL,
	`title` text,
	`allow_download` integer NOT NULL,
	`created_at` integer NOT NULL,
	`created_by` text,
	`expires_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `shares_token` ON `shares` (`token_hash`);--> statement-breakpoint
CREATE INDEX `shares_job` ON `shares` (`job_id`);--> statement-breakpoint
CREATE INDEX `shares_created` ON `shares` (`created_at`);--> statement-breakpoint
CREATE INDEX `shares_expiry` ON `shares` (`expires_at`) WHERE expires_at IS NOT NULL;--> statement-breakpoint
CREATE TABLE `signing_secrets` (
	`id` text PRIMARY KEY NOT NULL,
	`secret` text NOT NULL,
	`created_at` integer NOT NULL,
	`retired_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `tus_uploads` (
	`upload_id` text PRIMARY KEY NOT NULL,
	`received` integer DEFAULT 0 NOT NULL,
	`tail` text NOT NULL,
	`metadata` text,
	`writer` text,
	`writer_until` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `usage_days` (
	`api_key_id` text NOT NULL,
	`day` text NOT NULL,
	`jobs` integer DEFAULT 0 NOT NULL,
	`uploaded_bytes` integer DEFAULT 0 NOT NULL,
	`result_bytes` integer DEFAULT 0 NOT NULL,
	PRIMARY KEY(`day`, `api_key_id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `callback_secrets` (
	`api_key_id` text PRIMARY KEY NOT NULL,
	`secret` text NOT NULL,
	`created_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `webhook_deliveries` (
	`subject` text NOT NULL,
	`sequence` integer NOT NULL,
	`receiver` text NOT NULL,
	`event` text NOT NULL,
	`payload` text,
	`created_at` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`delivered_at` integer,
	`response_status` integer,
	`error` text,
	PRIMARY KEY(`subject`, `sequence`, `receiver`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_receiver` ON `webhook_deliveries` (`receiver`,`next_attempt_at`,`created_at`);--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`api_key_id` text,
	`url` text NOT NULL,
	`events` text NOT NULL,
	`secret` text NOT NULL,
	`api_url` text NOT NULL,
	`created_at` integer NOT NULL,
	`failing_since` integer,
	`disabled_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `agents` ADD `faults` text;--> statement-breakpoint
ALTER TABLE `agents` ADD `quarantined_at` integer;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `entered` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `finished` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `finished_ms` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `within_10s` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `within_1min` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `within_5min` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `within_20min` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `within_1h` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `within_4h` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `job_counts` ADD `error_codes` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `api_key_id` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `labels` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `upload_ids` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `callback` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `pinned` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `input_purged_at` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `results_purged_at` integer;--> statement-breakpoint
CREATE INDEX `jobs_task` ON `jobs` (`task_id`);--> statement-breakpoint
CREATE INDEX `jobs_kept_results` ON `jobs` (`ended_at`) WHERE status = 'completed' AND results_purged_at IS NULL AND pinned = 0;--> statement-breakpoint
CREATE INDEX `jobs_pool` ON `jobs` (`pool`) WHERE pool <> 'default';--> statement-breakpoint
ALTER TABLE `uploads` ADD `api_key_id` text;--> statement-breakpoint
ALTER TABLE `uploads` ADD `sha256` text;--> statement-breakpoint
ALTER TABLE `uploads` ADD `protocol` text DEFAULT 'parts' NOT NULL;--> statement-breakpoint
CREATE INDEX `tombstones_due` ON `tombstones` (`purge_at`);--> statement-breakpoint
CREATE INDEX `uploads_created` ON `uploads` (`created_at`);--> statement-breakpoint
CREATE INDEX `uploads_key` ON `uploads` (`api_key_id`,`created_at`) WHERE api_key_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `uploads_open` ON `uploads` (`created_at`) WHERE etag IS NULL;--> statement-breakpoint
ALTER TABLE `upload_parts` ADD `sha256` text;--> statement-breakpoint
CREATE INDEX `sessions_expiry` ON `sessions` (`expires_at`);--> statement-breakpoint
CREATE INDEX `jobs_key_waiting` ON `jobs` (`api_key_id`) WHERE api_key_id IS NOT NULL AND status = 'queued';--> statement-breakpoint
-- Limits of keys are decided in the statement that would exceed them, so parallel requests cannot pass together. The
-- triggers run after the insert: one that is repeated, because its reply was lost, inserts nothing and is not judged.
CREATE TRIGGER jobs_limited AFTER INSERT ON jobs WHEN NEW.api_key_id IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'refused: key_revoked')
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE id = NEW.api_key_id AND revoked_at IS NULL);
  SELECT RAISE(ABORT, 'refused: jobs_waiting') FROM api_keys
    WHERE id = NEW.api_key_id AND limits ->> '$.jobs_waiting'
      < (SELECT count(*) FROM jobs WHERE api_key_id = NEW.api_key_id AND status = 'queued');
  SELECT RAISE(ABORT, 'refused: bytes_stored') FROM api_keys
    WHERE id = NEW.api_key_id AND limits ->> '$.bytes_stored' < bytes_stored;
  UPDATE api_keys
    SET jobs_in_hour = iif(hour = NEW.created_at / 3600000, jobs_in_hour, 0) + 1, hour = NEW.created_at / 3600000
    WHERE id = NEW.api_key_id AND limits ->> '$.jobs_per_hour' IS NOT NULL;
  SELECT RAISE(ABORT, 'refused: jobs_per_hour') FROM api_keys
    WHERE id = NEW.api_key_id AND limits ->> '$.jobs_per_hour' < jobs_in_hour;
END;
--> statement-breakpoint
CREATE TRIGGER uploads_limited AFTER INSERT ON uploads WHEN NEW.api_key_id IS NOT NULL BEGIN
  SELECT RAISE(ABORT, 'refused: key_revoked')
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE id = NEW.api_key_id AND revoked_at IS NULL);
  SELECT RAISE(ABORT, 'refused: upload_bytes') FROM api_keys
    WHERE id = NEW.api_key_id AND limits ->> '$.upload_bytes' < NEW.size;
  SELECT RAISE(ABORT, 'refused: bytes_stored') FROM api_keys
    WHERE id = NEW.api_key_id AND limits ->> '$.bytes_stored' < bytes_stored + NEW.size;
  UPDATE api_keys SET bytes_stored = bytes_stored + NEW.size WHERE id = NEW.api_key_id;
END;
--> statement-breakpoint
CREATE TRIGGER uploads_freed AFTER DELETE ON uploads WHEN OLD.api_key_id IS NOT NULL BEGIN
  UPDATE api_keys SET bytes_stored = bytes_stored - OLD.size WHERE id = OLD.api_key_id;
END;
--> statement-breakpoint
CREATE TRIGGER uploads_used AFTER UPDATE OF etag ON uploads WHEN OLD.etag IS NULL AND NEW.etag IS NOT NULL BEGIN
  INSERT INTO usage_days (day, api_key_id, uploaded_bytes)
    VALUES (date(NEW.created_at / 1000, 'unixepoch'), coalesce(NEW.api_key_id, ''), NEW.size)
    ON CONFLICT (day, api_key_id) DO UPDATE SET uploaded_bytes = uploaded_bytes + excluded.uploaded_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER results_stored AFTER INSERT ON results BEGIN
  UPDATE api_keys SET bytes_stored = bytes_stored + NEW.size
    WHERE id = (SELECT api_key_id FROM jobs WHERE jobs.id = NEW.job_id);
END;
--> statement-breakpoint
CREATE TRIGGER results_freed AFTER DELETE ON results BEGIN
  UPDATE api_keys SET bytes_stored = bytes_stored - OLD.size
    WHERE id = (SELECT api_key_id FROM jobs WHERE jobs.id = OLD.job_id);
END;
--> statement-breakpoint
CREATE TRIGGER jobs_used AFTER UPDATE OF status ON jobs
WHEN NEW.status IN ('completed', 'failed', 'cancelled') AND OLD.status NOT IN ('completed', 'failed', 'cancelled') BEGIN
  INSERT INTO usage_days (day, api_key_id, jobs, result_bytes)
    SELECT date(coalesce(NEW.ended_at, NEW.updated_at) / 1000, 'unixepoch'), coalesce(NEW.api_key_id, ''), 1,
           coalesce(sum(size), 0)
    FROM results WHERE job_id = NEW.id
    ON CONFLICT (day, api_key_id)
    DO UPDATE SET jobs = jobs + excluded.jobs, result_bytes = result_bytes + excluded.result_bytes;
END;
--> statement-breakpoint
CREATE TRIGGER jobs_labelled AFTER INSERT ON jobs WHEN NEW.labels IS NOT NULL BEGIN
  INSERT INTO job_labels (label, seq) SELECT key || '=' || value, NEW.seq FROM json_each(NEW.labels);
END;
--> statement-breakpoint
CREATE TRIGGER jobs_unlabelled AFTER DELETE ON jobs WHEN OLD.labels IS NOT NULL BEGIN
  DELETE FROM job_labels WHERE seq = OLD.seq AND label IN (SELECT key || '=' || value FROM json_each(OLD.labels));
END;
--> statement-breakpoint
CREATE TRIGGER jobs_use_uploads AFTER INSERT ON jobs WHEN NEW.upload_ids IS NOT NULL BEGIN
  INSERT INTO job_uploads (upload_id, job_id) SELECT value, NEW.id FROM json_each(NEW.upload_ids);
END;
--> statement-breakpoint
CREATE TRIGGER jobs_release_uploads AFTER DELETE ON jobs WHEN OLD.upload_ids IS NOT NULL BEGIN
  DELETE FROM job_uploads WHERE job_id = OLD.id AND upload_id IN (SELECT value FROM json_each(OLD.upload_ids));
END;
--> statement-breakpoint
-- The webhooks that are on, by the events that they ask for, with what their keys may see.
CREATE VIEW webhook_subscribers AS
  SELECT webhooks.id AS receiver, asked.value AS event, api_keys.pool AS pool, api_keys.labels AS labels,
         api_keys.expires_at AS expires_at
  FROM webhooks
  JOIN json_each(webhooks.events) AS asked
  LEFT JOIN api_keys ON api_keys.id = webhooks.api_key_id
  WHERE webhooks.disabled_at IS NULL
    AND (webhooks.api_key_id IS NULL OR (api_keys.id IS NOT NULL AND api_keys.revoked_at IS NULL));
--> statement-breakpoint
-- The outbox: each change that somebody is subscribed to is recorded in the statement that makes it.
CREATE TRIGGER jobs_webhooks AFTER UPDATE OF status ON jobs
WHEN NEW.status <> OLD.status AND NEW.status <> 'queued'
  AND (NEW.callback IS NOT NULL OR EXISTS (SELECT 1 FROM webhooks)) BEGIN
  INSERT INTO webhook_deliveries (subject, sequence, receiver, event, payload, created_at, next_attempt_at)
    SELECT NEW.id,
           (SELECT coalesce(max(sequence), 0) FROM webhook_deliveries WHERE subject = NEW.id)
             + iif(subscriber.event = 'job.started', 1, 2),
           subscriber.receiver, subscriber.event,
           json_object('task_id', NEW.task_id, 'status', NEW.status, 'attempt', NEW.attempt,
                       'progress', NEW.progress, 'message', NEW.message,
                       'error_code', NEW.error_code, 'error_detail', NEW.error_detail,
                       'labels', json(coalesce(NEW.labels, '{}'))),
           NEW.updated_at, NEW.updated_at
    FROM (
      SELECT receiver, event FROM webhook_subscribers
      WHERE (pool IS NULL OR pool = NEW.pool)
        AND (expires_at IS NULL OR expires_at > NEW.updated_at)
        AND NOT EXISTS (
          SELECT 1 FROM json_each(labels) AS wanted
          WHERE NOT EXISTS (
            SELECT 1 FROM json_each(NEW.labels) AS given
            WHERE given.key = wanted.key AND given.value = wanted.value))
      UNION ALL
      SELECT NEW.callback ->> '$.receiver', value FROM json_each(NEW.callback, '$.events')
    ) AS subscriber
    WHERE subscriber.event = CASE WHEN NEW.status IN ('completed', 'failed', 'cancelled')
                                  THEN 'job.' || NEW.status ELSE 'job.stage' END
       -- Once for an attempt, also when its agent lost it and came back.
       OR (subscriber.event = 'job.started' AND OLD.status = 'queued'
           AND NEW.status NOT IN ('completed', 'failed', 'cancelled')
           AND NOT EXISTS (
             SELECT 1 FROM webhook_deliveries AS told
             WHERE told.subject = NEW.id AND told.receiver = subscriber.receiver
               AND told.event = 'job.started' AND told.payload ->> '$.attempt' = NEW.attempt));
END;
--> statement-breakpoint
-- Nothing is delivered of a deleted job.
CREATE TRIGGER jobs_deleted_webhooks AFTER DELETE ON jobs BEGIN
  DELETE FROM webhook_deliveries WHERE subject = OLD.id;
END;
--> statement-breakpoint
-- What the metrics count goes into the rows that are written anyway.
DROP TRIGGER jobs_inserted;
--> statement-breakpoint
CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs BEGIN
  UPDATE job_counts SET jobs = jobs + 1, entered = entered + 1 WHERE status = NEW.status;
  INSERT INTO job_events (job_id, number, at, status, attempt, agent_id, message, error_code)
    VALUES (NEW.id, 1, NEW.created_at, NEW.status, NEW.attempt, NEW.agent_id, NEW.message, NEW.error_code);
END;
--> statement-breakpoint
DROP TRIGGER jobs_changed;
--> statement-breakpoint
CREATE TRIGGER jobs_changed AFTER UPDATE OF status, lease_id ON jobs
WHEN OLD.status <> NEW.status OR (NEW.lease_id IS NOT NULL AND NEW.lease_id IS NOT OLD.lease_id) BEGIN
  UPDATE job_counts SET
    jobs = jobs - 1,
    finished = finished + (took.ms IS NOT NULL),
    finished_ms = finished_ms + coalesce(took.ms, 0),
    within_10s = within_10s + coalesce(took.ms <= 10000, 0),
    within_1min = within_1min + coalesce(took.ms <= 60000, 0),
    within_5min = within_5min + coalesce(took.ms <= 300000, 0),
    within_20min = within_20min + coalesce(took.ms <= 1200000, 0),
    within_1h = within_1h + coalesce(took.ms <= 3600000, 0),
    within_4h = within_4h + coalesce(took.ms <= 14400000, 0)
  -- Since its first event with the status that it leaves. What was broken off is not measured.
  FROM (
    SELECT iif(NEW.status IN ('queued', 'failed', 'cancelled'), NULL, max(0, NEW.updated_at - min(at))) AS ms
    FROM job_events
    WHERE job_id = NEW.id AND number > coalesce(
      (SELECT max(number) FROM job_events WHERE job_id = NEW.id AND status <> OLD.status), 0)
  ) AS took
  WHERE status = OLD.status AND OLD.status <> NEW.status;
  UPDATE job_counts SET
    jobs = jobs + 1,
    entered = entered + (NEW.status IN ('completed', 'failed', 'cancelled')),
    error_codes = iif(NEW.status = 'failed' AND NEW.error_code IS NOT NULL,
      json_set(error_codes, '$.' || NEW.error_code, coalesce(error_codes ->> ('$.' || NEW.error_code), 0) + 1),
      error_codes)
  WHERE status = NEW.status AND OLD.status <> NEW.status;
  INSERT INTO job_events (job_id, number, at, status, attempt, agent_id, message, error_code)
    SELECT NEW.id, coalesce(max(number), 0) + 1, NEW.updated_at, NEW.status, NEW.attempt, NEW.agent_id,
           NEW.message, NEW.error_code
    FROM job_events WHERE job_id = NEW.id;
END;
