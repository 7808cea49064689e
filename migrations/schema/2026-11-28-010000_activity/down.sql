DROP TABLE chat_activity;
