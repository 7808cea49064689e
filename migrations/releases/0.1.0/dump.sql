
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE FUNCTION public.take_revocation() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(100099262775298);
    NEW.revocation := nextval('revocations');
    RETURN NEW;
END
$$;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE public.__diesel_schema_migrations (
    version character varying(50) NOT NULL,
    run_on timestamp without time zone DEFAULT CURRENT_TIMESTAMP NOT NULL
);

CREATE TABLE public.chat_marks (
    chat_id bigint NOT NULL,
    reader_type text NOT NULL,
    reader_id bigint NOT NULL,
    delivered_seq bigint DEFAULT 0 NOT NULL,
    read_seq bigint DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chat_marks_reader_known CHECK ((reader_type = ANY (ARRAY['client'::text, 'user'::text])))
);

CREATE TABLE public.chat_members (
    chat_id bigint NOT NULL,
    user_id bigint NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    is_admin boolean DEFAULT false NOT NULL,
    can_read boolean DEFAULT true NOT NULL,
    can_write boolean DEFAULT true NOT NULL,
    can_pin boolean DEFAULT false NOT NULL,
    can_invite boolean DEFAULT false NOT NULL,
    can_delete_others boolean DEFAULT false NOT NULL,
    joined_at timestamp with time zone DEFAULT now() NOT NULL,
    revocation bigint DEFAULT 0 NOT NULL,
    changed_seq bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.chat_sessions (
    chat_id bigint NOT NULL,
    client_id bigint NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    assigned_user_id bigint,
    page_url text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chat_sessions_status_known CHECK ((status = ANY (ARRAY['open'::text, 'pending'::text, 'closed'::text])))
);

CREATE TABLE public.chats (
    id bigint NOT NULL,
    kind text NOT NULL,
    title text,
    record_ref text,
    seq bigint DEFAULT 0 NOT NULL,
    state_seq bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT chats_kind_known CHECK ((kind = ANY (ARRAY['direct'::text, 'group'::text, 'channel'::text, 'record'::text, 'session'::text])))
)
WITH (fillfactor='80');

ALTER TABLE public.chats ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.chats_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.clients (
    id bigint NOT NULL,
    name text,
    email text,
    locale text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    banned_at timestamp with time zone,
    revocation bigint DEFAULT 0 NOT NULL
);

ALTER TABLE public.clients ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.clients_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.installation (
    id boolean DEFAULT true NOT NULL,
    epoch integer DEFAULT 1 NOT NULL,
    lanes integer,
    CONSTRAINT installation_is_one_row CHECK (id)
);

CREATE TABLE public.messages (
    id bigint NOT NULL,
    chat_id bigint NOT NULL,
    seq bigint NOT NULL,
    changed_seq bigint NOT NULL,
    sender_type text NOT NULL,
    sender_id bigint NOT NULL,
    sender_name text,
    body text NOT NULL,
    client_id uuid NOT NULL,
    visibility text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_at timestamp with time zone,
    delivered_at timestamp with time zone,
    read_at timestamp with time zone,
    is_deleted boolean DEFAULT false NOT NULL,
    CONSTRAINT messages_sender_type_known CHECK ((sender_type = ANY (ARRAY['client'::text, 'operator'::text, 'user'::text, 'bot'::text, 'system'::text]))),
    CONSTRAINT messages_visibility_known CHECK ((visibility = ANY (ARRAY['public'::text, 'staff'::text])))
);

ALTER TABLE public.messages ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.messages_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.outbox (
    lane smallint NOT NULL,
    chat_id bigint NOT NULL,
    seq bigint NOT NULL,
    kind text NOT NULL,
    chat_kind text NOT NULL,
    visibility text NOT NULL,
    assigned_user_id bigint,
    user_ids bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    data text NOT NULL,
    traceparent text,
    committed_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='20000');

CREATE TABLE public.refresh_tokens (
    id bigint NOT NULL,
    family uuid NOT NULL,
    user_id bigint NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    revocation bigint DEFAULT 0 NOT NULL
);

ALTER TABLE public.refresh_tokens ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.refresh_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE public.revocations
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.users (
    id bigint NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    tokens_from bigint DEFAULT 0 NOT NULL,
    revocation bigint DEFAULT 0 NOT NULL,
    CONSTRAINT users_role_known CHECK ((role = ANY (ARRAY['user'::text, 'operator'::text, 'admin'::text])))
);

ALTER TABLE public.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

INSERT INTO public.__diesel_schema_migrations VALUES
	('20261121000000', '2026-11-28 13:48:30.532151'),
	('20261121010000', '2026-11-28 13:48:30.549373'),
	('20261121020000', '2026-11-28 13:48:30.556276');

INSERT INTO public.chat_marks VALUES
	(1, 'client', 1, 4, 4, '2026-11-28 13:48:33.060145+00'),
	(1, 'user', 2, 6, 6, '2026-11-28 13:48:33.107676+00'),
	(1, 'user', 3, 6, 0, '2026-11-28 13:48:33.119545+00'),
	(3, 'user', 3, 2, 2, '2026-11-28 13:48:33.240756+00'),
	(8, 'user', 5, 5, 5, '2026-11-28 13:48:33.616674+00'),
	(8, 'user', 7, 5, 0, '2026-11-28 13:48:33.628044+00'),
	(9, 'user', 6, 3, 3, '2026-11-28 13:48:33.830859+00');

INSERT INTO public.chat_members VALUES
	(8, 5, true, true, true, true, false, false, false, '2026-11-28 13:48:33.565781+00', 0, 1),
	(8, 6, true, false, true, true, false, false, false, '2026-11-28 13:48:33.572199+00', 0, 2),
	(8, 7, true, false, true, true, false, false, false, '2026-11-28 13:48:33.659765+00', 12, 8),
	(8, 8, false, false, true, true, false, false, false, '2026-11-28 13:48:33.683184+00', 13, 11),
	(9, 5, true, true, true, true, false, false, false, '2026-11-28 13:48:33.795824+00', 0, 1),
	(9, 6, true, false, true, true, false, false, false, '2026-11-28 13:48:33.801409+00', 0, 2),
	(10, 5, true, true, true, true, false, false, false, '2026-11-28 13:48:33.935713+00', 0, 1),
	(10, 6, true, false, true, true, false, false, false, '2026-11-28 13:48:33.9401+00', 0, 2),
	(10, 7, true, false, true, true, false, false, false, '2026-11-28 13:48:33.941755+00', 0, 3),
	(11, 7, true, true, true, true, false, false, false, '2026-11-28 13:48:34.058988+00', 0, 1);

INSERT INTO public.chat_sessions VALUES
	(1, 1, 'open', 2, 'https://shop.example/cart', '2026-11-28 13:48:32.886153+00'),
	(2, 2, 'pending', 3, NULL, '2026-11-28 13:48:33.141261+00'),
	(3, 3, 'closed', NULL, NULL, '2026-11-28 13:48:33.202835+00'),
	(4, 4, 'open', NULL, NULL, '2026-11-28 13:48:33.290937+00'),
	(5, 5, 'open', NULL, NULL, '2026-11-28 13:48:33.347085+00'),
	(6, 6, 'open', NULL, NULL, '2026-11-28 13:48:33.40171+00'),
	(7, 7, 'open', NULL, NULL, '2026-11-28 13:48:33.444575+00');

INSERT INTO public.chats OVERRIDING SYSTEM VALUE VALUES
	(1, 'session', NULL, NULL, 7, 3, '2026-11-28 13:48:32.886153+00', '2026-11-28 13:48:32.992099+00'),
	(2, 'session', NULL, NULL, 4, 4, '2026-11-28 13:48:33.141261+00', '2026-11-28 13:48:33.191987+00'),
	(3, 'session', NULL, NULL, 5, 5, '2026-11-28 13:48:33.202835+00', '2026-11-28 13:48:33.272032+00'),
	(4, 'session', NULL, NULL, 4, 3, '2026-11-28 13:48:33.290937+00', '2026-11-28 13:48:33.329554+00'),
	(5, 'session', NULL, NULL, 2, 1, '2026-11-28 13:48:33.347085+00', '2026-11-28 13:48:33.347085+00'),
	(6, 'session', NULL, NULL, 1, 1, '2026-11-28 13:48:33.40171+00', '2026-11-28 13:48:33.40171+00'),
	(7, 'session', NULL, NULL, 1, 1, '2026-11-28 13:48:33.444575+00', '2026-11-28 13:48:33.444575+00'),
	(8, 'group', 'Warehouse', NULL, 11, 11, '2026-11-28 13:48:33.564558+00', '2026-11-28 13:48:33.692922+00'),
	(9, 'direct', NULL, NULL, 3, 2, '2026-11-28 13:48:33.795007+00', '2026-11-28 13:48:33.801409+00'),
	(10, 'channel', 'News', NULL, 4, 3, '2026-11-28 13:48:33.93518+00', '2026-11-28 13:48:33.941755+00'),
	(11, 'record', 'Order 4711', NULL, 1, 1, '2026-11-28 13:48:34.058313+00', '2026-11-28 13:48:34.058988+00');

INSERT INTO public.clients OVERRIDING SYSTEM VALUE VALUES
	(1, 'Ada', 'ada@example.net', 'en-GB', '{"cart": [{"n": 2, "sku": "A1"}], "plan": "pro", "naïve": "ünïcode ✓"}', '\x4ba7598287d5396601114c3dfd18cace47243f2c51d41d5cc8922120768ee0b8', '2026-11-28 13:48:32.886153+00', NULL, 0),
	(2, 'Ben', NULL, NULL, '{}', '\x4f1e94dff1be609c27b00dac4b65d6c0f7ebfa1c285cb0e1503535c12a158863', '2026-11-28 13:48:33.141261+00', NULL, 0),
	(3, NULL, 'cleo@example.net', NULL, '{}', '\x9597bef99cb99df5c40bc7fefcafc25f8431f5fe05d65a90b6d71711ef8b7be2', '2026-11-28 13:48:33.202835+00', NULL, 0),
	(4, 'Dan', NULL, NULL, '{}', '\x786b0bc574ad1171bb4008a671336fa352dea82299569143ea3af3ea2a5ecb68', '2026-11-28 13:48:33.290937+00', NULL, 0),
	(5, 'Eve', NULL, NULL, '{}', '\xed4a5e5066ca4c8216cb63fc9e5a5a8677ca4ea127550f67a9baa4edf2474dd1', '2026-11-28 13:48:33.347085+00', '2026-11-28 13:48:33.391504+00', 9),
	(6, 'Finn', NULL, NULL, '{}', '\xdba389120531262295c170a333cf981604458f760ff90ffb7878a826e3786a4d', '2026-11-28 13:48:33.40171+00', NULL, 11),
	(7, NULL, NULL, NULL, '{}', '\x33cd72cc4447771da0312897efade66c336b4cdcb79db4a74322df40f1c05ce7', '2026-11-28 13:48:33.444575+00', NULL, 0);

INSERT INTO public.installation VALUES
	(true, 1, 4);

INSERT INTO public.messages OVERRIDING SYSTEM VALUE VALUES
	(2, 1, 4, 4, 'operator', 2, 'Olivia', 'We do.
Two to four days. 🙂', '00000000-0000-4000-8000-000000000002', 'public', '2026-11-28 13:48:33.032631+00', NULL, '2026-11-28 13:48:33.05006+00', '2026-11-28 13:48:33.060145+00', false),
	(3, 1, 5, 5, 'operator', 2, 'Olivia', 'Asked about Spain last week.', '00000000-0000-4000-8000-000000000003', 'staff', '2026-11-28 13:48:33.069951+00', NULL, NULL, NULL, false),
	(1, 1, 2, 2, 'client', 1, 'Ada', 'Do you ship to Portugal?', '00000000-0000-4000-8000-000000000001', 'public', '2026-11-28 13:48:32.970858+00', NULL, '2026-11-28 13:48:33.107676+00', '2026-11-28 13:48:33.107676+00', false),
	(4, 1, 6, 6, 'client', 1, 'Ada', 'Thank you!', '00000000-0000-4000-8000-000000000004', 'public', '2026-11-28 13:48:33.089534+00', NULL, '2026-11-28 13:48:33.107676+00', '2026-11-28 13:48:33.107676+00', false),
	(5, 1, 7, 7, 'operator', 2, 'Olivia', 'You are welcome.', '00000000-0000-4000-8000-000000000005', 'public', '2026-11-28 13:48:33.12897+00', NULL, NULL, NULL, false),
	(6, 2, 2, 2, 'client', 2, 'Ben', 'My order is late.', '00000000-0000-4000-8000-000000000006', 'public', '2026-11-28 13:48:33.166541+00', NULL, NULL, NULL, false),
	(7, 3, 2, 2, 'client', 3, NULL, 'Found it myself.', '00000000-0000-4000-8000-000000000007', 'public', '2026-11-28 13:48:33.2272+00', NULL, '2026-11-28 13:48:33.240756+00', '2026-11-28 13:48:33.240756+00', false),
	(8, 4, 4, 4, 'client', 4, 'Dan', 'One more thing.', '00000000-0000-4000-8000-000000000008', 'public', '2026-11-28 13:48:33.332083+00', NULL, NULL, NULL, false),
	(9, 5, 2, 2, 'client', 5, 'Eve', 'Buy my things!', '00000000-0000-4000-8000-000000000009', 'public', '2026-11-28 13:48:33.379005+00', NULL, NULL, NULL, false),
	(11, 8, 5, 5, 'user', 6, 'Ursula', 'Since when?', '00000000-0000-4000-8000-000000000011', 'public', '2026-11-28 13:48:33.603547+00', NULL, '2026-11-28 13:48:33.616674+00', '2026-11-28 13:48:33.616674+00', false),
	(10, 8, 4, 4, 'user', 5, 'Uma', 'Deliveries arrive at gate B.', '00000000-0000-4000-8000-000000000010', 'public', '2026-11-28 13:48:33.588934+00', NULL, '2026-11-28 13:48:33.628044+00', NULL, false),
	(12, 8, 7, 7, 'user', 5, 'Uma', 'Since Monday.', '00000000-0000-4000-8000-000000000012', 'public', '2026-11-28 13:48:33.648551+00', NULL, NULL, NULL, false),
	(13, 8, 9, 9, 'user', 7, 'Ulf', 'I was away.', '00000000-0000-4000-8000-000000000013', 'public', '2026-11-28 13:48:33.67174+00', NULL, NULL, NULL, false),
	(14, 9, 3, 3, 'user', 5, 'Uma', 'Lunch?', '00000000-0000-4000-8000-000000000014', 'public', '2026-11-28 13:48:33.817095+00', NULL, '2026-11-28 13:48:33.830859+00', '2026-11-28 13:48:33.830859+00', false),
	(15, 10, 4, 4, 'user', 5, 'Uma', 'We are open on Sunday.', '00000000-0000-4000-8000-000000000015', 'public', '2026-11-28 13:48:33.957577+00', NULL, NULL, NULL, false);

INSERT INTO public.outbox VALUES
	(1, 1, 1, 'chat.session.created', 'session', 'public', NULL, '{}', '{"session_id":1,"status":"open","assignee":null,"client":{"id":1,"name":"Ada","email":"ada@example.net","page_url":"https://shop.example/cart","locale":"en-GB"},"created_at":"2026-11-28T13:48:32.886153Z","state_seq":1}', NULL, '2026-11-28 13:48:32.886153+00'),
	(1, 1, 2, 'chat.message.sent', 'session', 'public', NULL, '{}', '{"id":1,"chat_id":1,"session_id":1,"seq":2,"changed_seq":2,"sender_type":"client","sender_id":1,"sender_name":"Ada","body":"Do you ship to Portugal?","client_id":"00000000-0000-4000-8000-000000000001","visibility":"public","created_at":"2026-11-28T13:48:32.970858Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:32.970858+00'),
	(1, 1, 3, 'chat.session.assigned', 'session', 'public', 2, '{2}', '{"session_id":1,"status":"open","assignee":{"id":2,"name":"Olivia"},"client":{"id":1,"name":"Ada","email":"ada@example.net","page_url":"https://shop.example/cart","locale":"en-GB"},"created_at":"2026-11-28T13:48:32.886153Z","state_seq":3}', NULL, '2026-11-28 13:48:32.992099+00'),
	(1, 1, 4, 'chat.message.sent', 'session', 'public', 2, '{}', '{"id":2,"chat_id":1,"session_id":1,"seq":4,"changed_seq":4,"sender_type":"operator","sender_id":2,"sender_name":"Olivia","body":"We do.\nTwo to four days. 🙂","client_id":"00000000-0000-4000-8000-000000000002","visibility":"public","created_at":"2026-11-28T13:48:33.032631Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.032631+00'),
	(1, 1, 5, 'chat.message.sent', 'session', 'staff', 2, '{}', '{"id":3,"chat_id":1,"session_id":1,"seq":5,"changed_seq":5,"sender_type":"operator","sender_id":2,"sender_name":"Olivia","body":"Asked about Spain last week.","client_id":"00000000-0000-4000-8000-000000000003","visibility":"staff","created_at":"2026-11-28T13:48:33.069951Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.069951+00'),
	(1, 1, 6, 'chat.message.sent', 'session', 'public', 2, '{}', '{"id":4,"chat_id":1,"session_id":1,"seq":6,"changed_seq":6,"sender_type":"client","sender_id":1,"sender_name":"Ada","body":"Thank you!","client_id":"00000000-0000-4000-8000-000000000004","visibility":"public","created_at":"2026-11-28T13:48:33.089534Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.089534+00'),
	(1, 1, 7, 'chat.message.sent', 'session', 'public', 2, '{}', '{"id":5,"chat_id":1,"session_id":1,"seq":7,"changed_seq":7,"sender_type":"operator","sender_id":2,"sender_name":"Olivia","body":"You are welcome.","client_id":"00000000-0000-4000-8000-000000000005","visibility":"public","created_at":"2026-11-28T13:48:33.128970Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.12897+00'),
	(2, 2, 1, 'chat.session.created', 'session', 'public', NULL, '{}', '{"session_id":2,"status":"open","assignee":null,"client":{"id":2,"name":"Ben","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.141261Z","state_seq":1}', NULL, '2026-11-28 13:48:33.141261+00'),
	(2, 2, 2, 'chat.message.sent', 'session', 'public', NULL, '{}', '{"id":6,"chat_id":2,"session_id":2,"seq":2,"changed_seq":2,"sender_type":"client","sender_id":2,"sender_name":"Ben","body":"My order is late.","client_id":"00000000-0000-4000-8000-000000000006","visibility":"public","created_at":"2026-11-28T13:48:33.166541Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.166541+00'),
	(2, 2, 3, 'chat.session.assigned', 'session', 'public', 3, '{3}', '{"session_id":2,"status":"open","assignee":{"id":3,"name":"Oscar"},"client":{"id":2,"name":"Ben","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.141261Z","state_seq":3}', NULL, '2026-11-28 13:48:33.180153+00'),
	(2, 2, 4, 'chat.session.status', 'session', 'public', 3, '{}', '{"session_id":2,"status":"pending","assignee":{"id":3,"name":"Oscar"},"client":{"id":2,"name":"Ben","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.141261Z","state_seq":4}', NULL, '2026-11-28 13:48:33.191987+00'),
	(3, 3, 1, 'chat.session.created', 'session', 'public', NULL, '{}', '{"session_id":3,"status":"open","assignee":null,"client":{"id":3,"name":null,"email":"cleo@example.net","page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.202835Z","state_seq":1}', NULL, '2026-11-28 13:48:33.202835+00'),
	(3, 3, 2, 'chat.message.sent', 'session', 'public', NULL, '{}', '{"id":7,"chat_id":3,"session_id":3,"seq":2,"changed_seq":2,"sender_type":"client","sender_id":3,"sender_name":null,"body":"Found it myself.","client_id":"00000000-0000-4000-8000-000000000007","visibility":"public","created_at":"2026-11-28T13:48:33.227200Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.2272+00'),
	(3, 3, 3, 'chat.session.assigned', 'session', 'public', 3, '{3}', '{"session_id":3,"status":"open","assignee":{"id":3,"name":"Oscar"},"client":{"id":3,"name":null,"email":"cleo@example.net","page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.202835Z","state_seq":3}', NULL, '2026-11-28 13:48:33.249034+00'),
	(3, 3, 4, 'chat.session.assigned', 'session', 'public', NULL, '{3}', '{"session_id":3,"status":"open","assignee":null,"client":{"id":3,"name":null,"email":"cleo@example.net","page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.202835Z","state_seq":4}', NULL, '2026-11-28 13:48:33.260707+00'),
	(3, 3, 5, 'chat.session.status', 'session', 'public', NULL, '{}', '{"session_id":3,"status":"closed","assignee":null,"client":{"id":3,"name":null,"email":"cleo@example.net","page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.202835Z","state_seq":5}', NULL, '2026-11-28 13:48:33.272032+00'),
	(0, 4, 1, 'chat.session.created', 'session', 'public', NULL, '{}', '{"session_id":4,"status":"open","assignee":null,"client":{"id":4,"name":"Dan","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.290937Z","state_seq":1}', NULL, '2026-11-28 13:48:33.290937+00'),
	(0, 4, 2, 'chat.session.status', 'session', 'public', NULL, '{}', '{"session_id":4,"status":"closed","assignee":null,"client":{"id":4,"name":"Dan","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.290937Z","state_seq":2}', NULL, '2026-11-28 13:48:33.313741+00'),
	(0, 4, 3, 'chat.session.status', 'session', 'public', NULL, '{}', '{"session_id":4,"status":"open","assignee":null,"client":{"id":4,"name":"Dan","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.290937Z","state_seq":3}', NULL, '2026-11-28 13:48:33.329554+00'),
	(0, 4, 4, 'chat.message.sent', 'session', 'public', NULL, '{}', '{"id":8,"chat_id":4,"session_id":4,"seq":4,"changed_seq":4,"sender_type":"client","sender_id":4,"sender_name":"Dan","body":"One more thing.","client_id":"00000000-0000-4000-8000-000000000008","visibility":"public","created_at":"2026-11-28T13:48:33.332083Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.332083+00'),
	(1, 5, 1, 'chat.session.created', 'session', 'public', NULL, '{}', '{"session_id":5,"status":"open","assignee":null,"client":{"id":5,"name":"Eve","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.347085Z","state_seq":1}', NULL, '2026-11-28 13:48:33.347085+00'),
	(1, 5, 2, 'chat.message.sent', 'session', 'public', NULL, '{}', '{"id":9,"chat_id":5,"session_id":5,"seq":2,"changed_seq":2,"sender_type":"client","sender_id":5,"sender_name":"Eve","body":"Buy my things!","client_id":"00000000-0000-4000-8000-000000000009","visibility":"public","created_at":"2026-11-28T13:48:33.379005Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.379005+00'),
	(0, 8, 4, 'chat.message.sent', 'group', 'public', NULL, '{}', '{"id":10,"chat_id":8,"session_id":null,"seq":4,"changed_seq":4,"sender_type":"user","sender_id":5,"sender_name":"Uma","body":"Deliveries arrive at gate B.","client_id":"00000000-0000-4000-8000-000000000010","visibility":"public","created_at":"2026-11-28T13:48:33.588934Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.588934+00'),
	(0, 8, 5, 'chat.message.sent', 'group', 'public', NULL, '{}', '{"id":11,"chat_id":8,"session_id":null,"seq":5,"changed_seq":5,"sender_type":"user","sender_id":6,"sender_name":"Ursula","body":"Since when?","client_id":"00000000-0000-4000-8000-000000000011","visibility":"public","created_at":"2026-11-28T13:48:33.603547Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.603547+00'),
	(0, 8, 7, 'chat.message.sent', 'group', 'public', NULL, '{}', '{"id":12,"chat_id":8,"session_id":null,"seq":7,"changed_seq":7,"sender_type":"user","sender_id":5,"sender_name":"Uma","body":"Since Monday.","client_id":"00000000-0000-4000-8000-000000000012","visibility":"public","created_at":"2026-11-28T13:48:33.648551Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.648551+00'),
	(0, 8, 9, 'chat.message.sent', 'group', 'public', NULL, '{}', '{"id":13,"chat_id":8,"session_id":null,"seq":9,"changed_seq":9,"sender_type":"user","sender_id":7,"sender_name":"Ulf","body":"I was away.","client_id":"00000000-0000-4000-8000-000000000013","visibility":"public","created_at":"2026-11-28T13:48:33.671740Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.67174+00'),
	(1, 9, 3, 'chat.message.sent', 'direct', 'public', NULL, '{}', '{"id":14,"chat_id":9,"session_id":null,"seq":3,"changed_seq":3,"sender_type":"user","sender_id":5,"sender_name":"Uma","body":"Lunch?","client_id":"00000000-0000-4000-8000-000000000014","visibility":"public","created_at":"2026-11-28T13:48:33.817095Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.817095+00'),
	(2, 10, 4, 'chat.message.sent', 'channel', 'public', NULL, '{}', '{"id":15,"chat_id":10,"session_id":null,"seq":4,"changed_seq":4,"sender_type":"user","sender_id":5,"sender_name":"Uma","body":"We are open on Sunday.","client_id":"00000000-0000-4000-8000-000000000015","visibility":"public","created_at":"2026-11-28T13:48:33.957577Z","edited_at":null,"delivered_at":null,"read_at":null,"is_deleted":false}', NULL, '2026-11-28 13:48:33.957577+00'),
	(2, 6, 1, 'chat.session.created', 'session', 'public', NULL, '{}', '{"session_id":6,"status":"open","assignee":null,"client":{"id":6,"name":"Finn","email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.401710Z","state_seq":1}', NULL, '2026-11-28 13:48:33.40171+00'),
	(3, 7, 1, 'chat.session.created', 'session', 'public', NULL, '{}', '{"session_id":7,"status":"open","assignee":null,"client":{"id":7,"name":null,"email":null,"page_url":null,"locale":null},"created_at":"2026-11-28T13:48:33.444575Z","state_seq":1}', NULL, '2026-11-28 13:48:33.444575+00'),
	(0, 8, 1, 'chat.member.added', 'group', 'public', NULL, '{5}', '{"user_id":5,"name":"Uma","is_active":true,"is_admin":true,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.565781Z"}', NULL, '2026-11-28 13:48:33.565781+00'),
	(0, 8, 2, 'chat.member.added', 'group', 'public', NULL, '{6}', '{"user_id":6,"name":"Ursula","is_active":true,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.572199Z"}', NULL, '2026-11-28 13:48:33.572199+00'),
	(0, 8, 3, 'chat.member.added', 'group', 'public', NULL, '{7}', '{"user_id":7,"name":"Ulf","is_active":true,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.574309Z"}', NULL, '2026-11-28 13:48:33.574309+00'),
	(0, 8, 6, 'chat.member.removed', 'group', 'public', NULL, '{7}', '{"user_id":7,"name":"Ulf","is_active":false,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.574309Z"}', NULL, '2026-11-28 13:48:33.635963+00'),
	(0, 8, 8, 'chat.member.added', 'group', 'public', NULL, '{7}', '{"user_id":7,"name":"Ulf","is_active":true,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.659765Z"}', NULL, '2026-11-28 13:48:33.659765+00'),
	(0, 8, 10, 'chat.member.added', 'group', 'public', NULL, '{8}', '{"user_id":8,"name":"Una","is_active":true,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.683184Z"}', NULL, '2026-11-28 13:48:33.683184+00'),
	(0, 8, 11, 'chat.member.removed', 'group', 'public', NULL, '{8}', '{"user_id":8,"name":"Una","is_active":false,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.683184Z"}', NULL, '2026-11-28 13:48:33.692922+00'),
	(1, 9, 1, 'chat.member.added', 'direct', 'public', NULL, '{5}', '{"user_id":5,"name":"Uma","is_active":true,"is_admin":true,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.795824Z"}', NULL, '2026-11-28 13:48:33.795824+00'),
	(1, 9, 2, 'chat.member.added', 'direct', 'public', NULL, '{6}', '{"user_id":6,"name":"Ursula","is_active":true,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.801409Z"}', NULL, '2026-11-28 13:48:33.801409+00'),
	(2, 10, 1, 'chat.member.added', 'channel', 'public', NULL, '{5}', '{"user_id":5,"name":"Uma","is_active":true,"is_admin":true,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.935713Z"}', NULL, '2026-11-28 13:48:33.935713+00'),
	(2, 10, 2, 'chat.member.added', 'channel', 'public', NULL, '{6}', '{"user_id":6,"name":"Ursula","is_active":true,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.940100Z"}', NULL, '2026-11-28 13:48:33.9401+00'),
	(2, 10, 3, 'chat.member.added', 'channel', 'public', NULL, '{7}', '{"user_id":7,"name":"Ulf","is_active":true,"is_admin":false,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:33.941755Z"}', NULL, '2026-11-28 13:48:33.941755+00'),
	(3, 11, 1, 'chat.member.added', 'record', 'public', NULL, '{7}', '{"user_id":7,"name":"Ulf","is_active":true,"is_admin":true,"can_read":true,"can_write":true,"can_pin":false,"can_invite":false,"can_delete_others":false,"joined_at":"2026-11-28T13:48:34.058988Z"}', NULL, '2026-11-28 13:48:34.058988+00');

INSERT INTO public.refresh_tokens OVERRIDING SYSTEM VALUE VALUES
	(1, '8b44b38c-5469-419a-853e-eb87270fb00b', 1, '\xa8512dc45e3dba0fb86a657fd66d6d8de79745583ae4038ed5da780a25f1204c', '2026-11-28 13:48:32.187912+00', '2126-11-29 13:48:32.186985+00', NULL, NULL, 0),
	(2, '26e1a64c-552d-4b6c-8939-4f2ad66c3123', 2, '\x2ba3ccb91db3fbdea58ff90d5b2d962c4a61feb9868daf1ffaadd614ace8b8da', '2026-11-28 13:48:32.239153+00', '2126-11-29 13:48:32.238563+00', '2026-11-28 13:48:32.25908+00', NULL, 0),
	(3, '26e1a64c-552d-4b6c-8939-4f2ad66c3123', 2, '\x97e91bff30e096aec3b7ba2bc7ef037ad8cee74c4cebe103e3acb554854c3612', '2026-11-28 13:48:32.255761+00', '2126-11-29 13:48:32.255392+00', NULL, NULL, 0),
	(4, 'd3686dd1-4c28-4e60-b979-33f676f5030b', 3, '\xa8fbb9b65b240b0936482e9b11aea314e36b97beed4bef96e8e7078a66459d6b', '2026-11-28 13:48:32.362504+00', '2126-11-29 13:48:32.358355+00', NULL, NULL, 0),
	(5, '5f9bd290-0abf-4544-ba44-3ee73f6ec77d', 3, '\x337bd723a2474f91a82914a76ca714fc0d6a3a13ec7b4c7f6ad8c4e5ca5b9e2f', '2026-11-28 13:48:32.450684+00', '2126-11-29 13:48:32.450196+00', NULL, '2026-11-28 13:48:32.471297+00', 6),
	(6, 'cfc73c1d-8326-46e9-8311-868edefa5247', 5, '\x76d4c5fa732c459c6f9297a79bfa96e684e41b167aae704e6f45c80365af610f', '2026-11-28 13:48:32.562762+00', '2126-11-29 13:48:32.562178+00', NULL, NULL, 0),
	(7, '4814c091-0d31-4d53-9942-432728c59431', 6, '\x4d2ac948edc62ea9e0cecedeae6d47b88cc2a1669ae082b41ca30edce3bb4c6f', '2026-11-28 13:48:32.671971+00', '2126-11-29 13:48:32.671497+00', NULL, NULL, 0),
	(8, 'e639c09c-cf76-410f-8b70-42b38848409d', 7, '\x3e23a04dd85a1049f8f47c92ee683754c6b17ebb00a2bb578cfb72578815a286', '2026-11-28 13:48:32.763205+00', '2126-11-29 13:48:32.762157+00', NULL, NULL, 0),
	(9, '40b0f51e-0b07-4e9a-9210-6a5a710de6e7', 8, '\x6bae9bac2b86a60d22422811cd8227153af74a37e15eee995720d0c393681750', '2026-11-28 13:48:32.854712+00', '2126-11-29 13:48:32.852798+00', NULL, '2026-11-28 13:48:32.875628+00', 8);

INSERT INTO public.users OVERRIDING SYSTEM VALUE VALUES
	(1, 'root@example.com', 'Root', 'admin', '$argon2id$v=19$m=19456,t=2,p=1$HSP8B8AMrk4ZMx8Z29ALIA$LbKZpWyHI2sPPK0uIMUHgIw5wZgu8B6msteVCX6oS4o', true, '2026-11-28 13:48:30.843782+00', 0, 0),
	(2, 'olivia@example.com', 'Olivia', 'operator', '$argon2id$v=19$m=19456,t=2,p=1$BG6U5eFfAwsN+X5+vCelSw$gxWCDoSruiczL6FpnOu7NNtJkr5stzBN11RnUlk1N/k', true, '2026-11-28 13:48:30.982972+00', 0, 0),
	(3, 'oscar@example.com', 'Oscar', 'operator', '$argon2id$v=19$m=19456,t=2,p=1$YfkCaf/CPti3aos/OBp+RA$sFo+9Flyl+1CIPcfmMlrZb318nZgnedf5Maj+W1PxYY', true, '2026-11-28 13:48:31.106743+00', 0, 0),
	(5, 'uma@example.com', 'Uma', 'user', '$argon2id$v=19$m=19456,t=2,p=1$iqV+uVCfA4+JIboiiduCkQ$UbqLpFYK2dpEHTMCXg6syaD/L7PDOCpVPCWCmg+4qRo', true, '2026-11-28 13:48:31.376623+00', 0, 0),
	(6, 'ursula@example.com', 'Ursula', 'user', '$argon2id$v=19$m=19456,t=2,p=1$Vn0uya5kXARB8iKi1AVvaA$ITqlXn0mV7LZ7Apty6yZ670dn9P+Hy20pM5iNsSKdWo', true, '2026-11-28 13:48:31.509208+00', 0, 0),
	(7, 'ulf@example.com', 'Ulf', 'user', '$argon2id$v=19$m=19456,t=2,p=1$gfzxPHz131rXCieVDDw8sw$9nZsAS3GWG9wh5eqB0O6mckx5XxKHkJarBdygRWmNEg', true, '2026-11-28 13:48:31.630587+00', 0, 0),
	(4, 'otto@example.com', 'Otto', 'operator', '$argon2id$v=19$m=19456,t=2,p=1$3S4KFnZKJjvIFGvbJVjAzQ$+qka7mUEmbh4AtoDvjDGBUOTuqVTELmYnX61uSbICHw', false, '2026-11-28 13:48:31.243091+00', 1795873712, 2),
	(8, 'una@example.com', 'Una', 'user', '$argon2id$v=19$m=19456,t=2,p=1$7Cv7QFx9m49D3YhpNZNTzQ$Ojch1frZcECA7T9y8usz13oXD/4Sqwd/ntYVZNNnPfw', true, '2026-11-28 13:48:31.755702+00', 1795873713, 7);

SELECT pg_catalog.setval('public.chats_id_seq', 11, true);

SELECT pg_catalog.setval('public.clients_id_seq', 7, true);

SELECT pg_catalog.setval('public.messages_id_seq', 15, true);

SELECT pg_catalog.setval('public.refresh_tokens_id_seq', 9, true);

SELECT pg_catalog.setval('public.revocations', 13, true);

SELECT pg_catalog.setval('public.users_id_seq', 8, true);

ALTER TABLE ONLY public.__diesel_schema_migrations
    ADD CONSTRAINT __diesel_schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.chat_marks
    ADD CONSTRAINT chat_marks_pkey PRIMARY KEY (chat_id, reader_type, reader_id);

ALTER TABLE ONLY public.chat_members
    ADD CONSTRAINT chat_members_pkey PRIMARY KEY (chat_id, user_id);

ALTER TABLE ONLY public.chat_sessions
    ADD CONSTRAINT chat_sessions_pkey PRIMARY KEY (chat_id);

ALTER TABLE ONLY public.chats
    ADD CONSTRAINT chats_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.clients
    ADD CONSTRAINT clients_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_changed_seq_unique UNIQUE (chat_id, changed_seq);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_client_id_unique UNIQUE (chat_id, sender_type, sender_id, client_id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_seq_unique UNIQUE (chat_id, seq);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (lane, chat_id, seq);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_hash_unique UNIQUE (token_hash);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

CREATE INDEX chat_members_by_change ON public.chat_members USING btree (chat_id, changed_seq);

CREATE INDEX chat_members_by_revocation ON public.chat_members USING btree (revocation) WHERE (revocation > 0);

CREATE INDEX chat_members_user ON public.chat_members USING btree (user_id) WHERE is_active;

CREATE INDEX chat_sessions_by_assignee ON public.chat_sessions USING btree (assigned_user_id, chat_id DESC);

CREATE INDEX chat_sessions_by_client ON public.chat_sessions USING btree (client_id);

CREATE INDEX chat_sessions_by_status ON public.chat_sessions USING btree (status, chat_id DESC);

CREATE INDEX chats_sessions_by_change ON public.chats USING btree (changed_at) WHERE (kind = 'session'::text);

CREATE INDEX clients_by_revocation ON public.clients USING btree (revocation) WHERE (revocation > 0);

CREATE INDEX refresh_tokens_by_revocation ON public.refresh_tokens USING btree (revocation) WHERE (revocation > 0);

CREATE INDEX refresh_tokens_family ON public.refresh_tokens USING btree (family);

CREATE INDEX refresh_tokens_revoked ON public.refresh_tokens USING btree (family) WHERE (revoked_at IS NOT NULL);

CREATE INDEX refresh_tokens_user ON public.refresh_tokens USING btree (user_id);

CREATE INDEX users_by_revocation ON public.users USING btree (revocation) WHERE (revocation > 0);

CREATE UNIQUE INDEX users_email_unique ON public.users USING btree (lower(email));

CREATE TRIGGER chat_members_revocation BEFORE UPDATE ON public.chat_members FOR EACH ROW WHEN ((old.is_active AND old.can_read AND (NOT (new.is_active AND new.can_read)))) EXECUTE FUNCTION public.take_revocation();

CREATE TRIGGER clients_revocation BEFORE UPDATE ON public.clients FOR EACH ROW WHEN (((old.banned_at IS NULL) <> (new.banned_at IS NULL))) EXECUTE FUNCTION public.take_revocation();

CREATE TRIGGER refresh_tokens_revocation BEFORE UPDATE ON public.refresh_tokens FOR EACH ROW WHEN (((old.revoked_at IS NULL) AND (new.revoked_at IS NOT NULL) AND (new.used_at IS NULL))) EXECUTE FUNCTION public.take_revocation();

CREATE TRIGGER users_revocation BEFORE UPDATE ON public.users FOR EACH ROW WHEN ((((old.is_active IS DISTINCT FROM new.is_active) OR (old.role IS DISTINCT FROM new.role)) OR (old.tokens_from IS DISTINCT FROM new.tokens_from))) EXECUTE FUNCTION public.take_revocation();

ALTER TABLE ONLY public.chat_marks
    ADD CONSTRAINT chat_marks_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES public.chats(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chat_members
    ADD CONSTRAINT chat_members_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES public.chats(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chat_members
    ADD CONSTRAINT chat_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chat_sessions
    ADD CONSTRAINT chat_sessions_assigned_user_id_fkey FOREIGN KEY (assigned_user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.chat_sessions
    ADD CONSTRAINT chat_sessions_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES public.chats(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.chat_sessions
    ADD CONSTRAINT chat_sessions_client_id_fkey FOREIGN KEY (client_id) REFERENCES public.clients(id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_chat_id_fkey FOREIGN KEY (chat_id) REFERENCES public.chats(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;

