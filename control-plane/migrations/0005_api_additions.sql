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
	`revoked_at` integer
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
	PRIMARY KEY(`api_key_id`, `day`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `webhook_deliveries` (
	`id` text PRIMARY KEY NOT NULL,
	`webhook_id` text,
	`job_id` text,
	`event` text NOT NULL,
	`payload` text NOT NULL,
	`created_at` integer NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`delivered_at` integer,
	`response_status` integer,
	`error` text
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_due` ON `webhook_deliveries` (`next_attempt_at`) WHERE next_attempt_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `webhook_deliveries_webhook` ON `webhook_deliveries` (`webhook_id`,`created_at`) WHERE webhook_id IS NOT NULL;--> statement-breakpoint
CREATE TABLE `webhooks` (
	`id` text PRIMARY KEY NOT NULL,
	`api_key_id` text,
	`url` text NOT NULL,
	`events` text NOT NULL,
	`secret` text NOT NULL,
	`created_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
ALTER TABLE `jobs` ADD `api_key_id` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `labels` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `version` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `callback_url` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `pinned` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `jobs` ADD `input_purged_at` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `results_purged_at` integer;--> statement-breakpoint
CREATE INDEX `jobs_task` ON `jobs` (`task_id`);--> statement-breakpoint
CREATE INDEX `jobs_kept_results` ON `jobs` (`ended_at`) WHERE status = 'completed' AND results_purged_at IS NULL AND pinned = 0;--> statement-breakpoint
ALTER TABLE `uploads` ADD `api_key_id` text;--> statement-breakpoint
ALTER TABLE `uploads` ADD `sha256` text;--> statement-breakpoint
ALTER TABLE `uploads` ADD `protocol` text DEFAULT 'parts' NOT NULL;--> statement-breakpoint
CREATE INDEX `uploads_created` ON `uploads` (`created_at`);--> statement-breakpoint
CREATE INDEX `uploads_key` ON `uploads` (`api_key_id`,`created_at`) WHERE api_key_id IS NOT NULL;--> statement-breakpoint
CREATE INDEX `uploads_open` ON `uploads` (`created_at`) WHERE etag IS NULL;--> statement-breakpoint
ALTER TABLE `upload_parts` ADD `sha256` text;