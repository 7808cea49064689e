-- The activity of an event, as JSON, where it has one: the live frame carries it. NULL takes no room in the rows of sends.
ALTER TABLE outbox ADD activity text;
