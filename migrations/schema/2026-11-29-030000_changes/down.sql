DROP TABLE outbox_unreadable, lane_tops, changes;
