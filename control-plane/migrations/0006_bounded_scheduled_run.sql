CREATE TABLE `sweep_cursors` (
	`sweep` text PRIMARY KEY NOT NULL,
	`after` text NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `webhook_deliveries_pending` ON `webhook_deliveries` (`receiver`,`next_attempt_at`,`created_at`) WHERE next_attempt_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `webhook_deliveries_history` ON `webhook_deliveries` (`receiver`,`created_at`) WHERE next_attempt_at IS NULL;--> statement-breakpoint
DROP INDEX `webhook_deliveries_receiver`;--> statement-breakpoint
CREATE INDEX `sessions_key` ON `sessions` (`key_hash`);
