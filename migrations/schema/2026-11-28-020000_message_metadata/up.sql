-- What an application says about a message: free JSON, for programs. Most have none, and none takes no room.
ALTER TABLE messages ADD metadata jsonb CONSTRAINT messages_metadata_is_object CHECK (jsonb_typeof(metadata) = 'object');
