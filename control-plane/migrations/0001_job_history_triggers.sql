-- The history and the counters follow each change of a job within the statement that makes it.
INSERT INTO job_counts (status, jobs) VALUES
  ('queued', 0), ('downloading_video', 0), ('extracting_frames', 0), ('running_colmap', 0), ('training', 0),
  ('exporting', 0), ('completed', 0), ('failed', 0), ('cancelled', 0);
--> statement-breakpoint
CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs BEGIN
  UPDATE job_counts SET jobs = jobs + 1 WHERE status = NEW.status;
  INSERT INTO job_events (job_id, number, at, status, attempt, agent_id, message, error_code)
    VALUES (NEW.id, 1, NEW.created_at, NEW.status, NEW.attempt, NEW.agent_id, NEW.message, NEW.error_code);
END;
--> statement-breakpoint
CREATE TRIGGER jobs_changed AFTER UPDATE OF status, lease_id ON jobs
WHEN OLD.status <> NEW.status OR (NEW.lease_id IS NOT NULL AND NEW.lease_id IS NOT OLD.lease_id) BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE status = OLD.status AND OLD.status <> NEW.status;
  UPDATE job_counts SET jobs = jobs + 1 WHERE status = NEW.status AND OLD.status <> NEW.status;
  INSERT INTO job_events (job_id, number, at, status, attempt, agent_id, message, error_code)
    SELECT NEW.id, coalesce(max(number), 0) + 1, NEW.updated_at, NEW.status, NEW.attempt, NEW.agent_id,
           NEW.message, NEW.error_code
    FROM job_events WHERE job_id = NEW.id;
END;
--> statement-breakpoint
CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs BEGIN
  UPDATE job_counts SET jobs = jobs - 1 WHERE status = OLD.status;
END;
