-- side: both
-- The trail grows for as long as a migration lasts. Asked for are acts of one epoch that are young, the last of one kind, and those about one entity or job: never the whole.
ALTER TABLE strangler_audit
    ADD KEY strangler_audit_epoch (context, epoch, at),
    ADD KEY strangler_audit_action (context, action, id),
    ADD KEY strangler_audit_detail (context, detail(64))
