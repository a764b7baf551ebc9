ALTER TABLE `jobs` ADD `last_agent_id` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `retry_of` text;--> statement-breakpoint
CREATE INDEX `jobs_lost` ON `jobs` (`pool`,`next_attempt_at`) WHERE status = 'queued' AND lease_id IS NULL AND lost_leases > 0;