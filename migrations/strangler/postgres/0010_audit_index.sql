-- side: both
-- The trail grows for as long as a migration lasts. Asked for are acts of one epoch that are young, the last of one kind, and those about one entity or job: never the whole.
CREATE INDEX IF NOT EXISTS strangler_audit_epoch ON strangler_audit (context, epoch, at)
-- step
CREATE INDEX IF NOT EXISTS strangler_audit_action ON strangler_audit (context, action, id)
-- step
-- A detail may be longer than an index takes.
CREATE INDEX IF NOT EXISTS strangler_audit_detail ON strangler_audit (context, left(detail, 64) text_pattern_ops)
