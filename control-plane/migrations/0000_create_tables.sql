CREATE TABLE `agents` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`pool` text NOT NULL,
	`token_hash` text NOT NULL,
	`connected` integer DEFAULT false NOT NULL,
	`version` text,
	`offer` text,
	`created_at` integer NOT NULL,
	`last_seen_at` integer
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `job_counts` (
	`status` text PRIMARY KEY NOT NULL,
	`jobs` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `job_events` (
	`job_id` text NOT NULL,
	`number` integer NOT NULL,
	`at` integer NOT NULL,
	`status` text NOT NULL,
	`attempt` integer NOT NULL,
	`agent_id` text,
	`message` text NOT NULL,
	`error_code` text,
	PRIMARY KEY(`job_id`, `number`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `jobs` (
	`seq` integer PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`task_id` text NOT NULL,
	`status` text NOT NULL,
	`progress` integer DEFAULT 0 NOT NULL,
	`message` text NOT NULL,
	`error_code` text,
	`error_detail` text,
	`log_tail` text,
	`filename` text NOT NULL,
	`source_url` text,
	`upload_id` text,
	`options` text NOT NULL,
	`engine` text GENERATED ALWAYS AS ((options ->> '$.engine')) VIRTUAL NOT NULL,
	`pool` text NOT NULL,
	`priority` integer NOT NULL,
	`rank` integer NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`lease_id` text,
	`agent_id` text,
	`last_seq` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`lost_leases` integer DEFAULT 0 NOT NULL,
	`next_attempt_at` integer,
	`eta_seconds` integer,
	`report` text,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`started_at` integer,
	`ended_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `jobs_id` ON `jobs` (`id`);--> statement-breakpoint
CREATE INDEX `jobs_status` ON `jobs` (`status`);--> statement-breakpoint
CREATE INDEX `jobs_queue` ON `jobs` (`pool`,`engine`,`rank`) WHERE status = 'queued' AND lease_id IS NULL;--> statement-breakpoint
CREATE INDEX `jobs_leased` ON `jobs` (`pool`) WHERE lease_id IS NOT NULL AND status NOT IN ('completed', 'failed', 'cancelled');--> statement-breakpoint
CREATE INDEX `jobs_upload` ON `jobs` (`upload_id`) WHERE upload_id IS NOT NULL;--> statement-breakpoint
CREATE TABLE `result_uploads` (
	`id` text PRIMARY KEY NOT NULL,
	`job_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`filename` text NOT NULL,
	`size` integer NOT NULL,
	`part_size` integer NOT NULL,
	`r2_key` text NOT NULL,
	`r2_upload_id` text NOT NULL,
	`etag` text,
	`created_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `result_uploads_job` ON `result_uploads` (`job_id`);--> statement-breakpoint
CREATE TABLE `results` (
	`job_id` text NOT NULL,
	`filename` text NOT NULL,
	`r2_key` text NOT NULL,
	`etag` text NOT NULL,
	`size` integer NOT NULL,
	`sha256` text NOT NULL,
	`content_type` text NOT NULL,
	PRIMARY KEY(`job_id`, `filename`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `tombstones` (
	`job_id` text PRIMARY KEY NOT NULL,
	`deleted_at` integer NOT NULL,
	`purge_at` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `upload_parts` (
	`upload_id` text NOT NULL,
	`part_number` integer NOT NULL,
	`etag` text NOT NULL,
	PRIMARY KEY(`upload_id`, `part_number`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `uploads` (
	`id` text PRIMARY KEY NOT NULL,
	`filename` text NOT NULL,
	`size` integer NOT NULL,
	`part_size` integer NOT NULL,
	`r2_key` text NOT NULL,
	`r2_upload_id` text NOT NULL,
	`etag` text,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL
) WITHOUT ROWID;
