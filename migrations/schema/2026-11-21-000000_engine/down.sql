DROP TABLE outbox, chat_marks, messages, chat_sessions, chat_members, chats, clients, refresh_tokens, users, installation;
