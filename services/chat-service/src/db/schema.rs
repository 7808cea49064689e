//! The tables as diesel sees them.

diesel::table! {
    chat_members (chat_id, user_id) {
        chat_id -> BigInt,
        user_id -> BigInt,
        is_active -> Bool,
        is_admin -> Bool,
        can_read -> Bool,
        can_write -> Bool,
        can_pin -> Bool,
        can_invite -> Bool,
        can_delete_others -> Bool,
        joined_at -> Timestamptz,
        revocation -> BigInt,
        changed_seq -> BigInt,
        added_seq -> BigInt,
    }
}

diesel::table! {
    chat_sessions (chat_id) {
        chat_id -> BigInt,
        client_id -> BigInt,
        status -> Text,
        assigned_user_id -> Nullable<BigInt>,
        page_url -> Nullable<Text>,
        created_at -> Timestamptz,
        changed_seq -> BigInt,
        desk_seq -> BigInt,
        site_id -> BigInt,
    }
}

diesel::table! {
    chats (id) {
        id -> BigInt,
        kind -> Text,
        title -> Nullable<Text>,
        record_ref -> Nullable<Text>,
        seq -> BigInt,
        state_seq -> BigInt,
        created_at -> Timestamptz,
        changed_at -> Timestamptz,
        waiting_since -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    clients (id) {
        id -> BigInt,
        name -> Nullable<Text>,
        email -> Nullable<Text>,
        locale -> Nullable<Text>,
        metadata -> Jsonb,
        secret_hash -> Bytea,
        created_at -> Timestamptz,
        banned_at -> Nullable<Timestamptz>,
        revocation -> BigInt,
        contact_id -> Nullable<BigInt>,
    }
}

diesel::table! {
    grants (id) {
        id -> BigInt,
        user_id -> BigInt,
        role -> Text,
        scope -> Text,
        site_id -> Nullable<BigInt>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    installation (id) {
        id -> Bool,
        epoch -> Integer,
        lanes -> Nullable<Integer>,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        chat_id -> BigInt,
        seq -> BigInt,
        changed_seq -> BigInt,
        sender_type -> Text,
        sender_id -> BigInt,
        sender_name -> Nullable<Text>,
        body -> Text,
        client_id -> Uuid,
        visibility -> Text,
        created_at -> Timestamptz,
        edited_at -> Nullable<Timestamptz>,
        is_deleted -> Bool,
    }
}

diesel::table! {
    operator_leases (user_id, gateway) {
        user_id -> BigInt,
        gateway -> Text,
        lease_until -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (id) {
        id -> BigInt,
        family -> Uuid,
        user_id -> BigInt,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        revocation -> BigInt,
        began_at -> Timestamptz,
        user_agent -> Nullable<Text>,
        address_hint -> Nullable<Text>,
    }
}

diesel::table! {
    account_links (id) {
        id -> BigInt,
        kind -> Text,
        token_hash -> Bytea,
        user_id -> Nullable<BigInt>,
        email -> Nullable<Text>,
        name -> Nullable<Text>,
        role -> Nullable<Text>,
        sites -> Nullable<Array<BigInt>>,
        made_by -> Nullable<BigInt>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sites (id) {
        id -> BigInt,
        key -> Text,
        name -> Text,
        created_at -> Timestamptz,
        archived_at -> Nullable<Timestamptz>,
        workspace_version -> BigInt,
        origins -> Array<Text>,
        color -> Nullable<Text>,
        position -> Text,
        languages -> Array<Text>,
        texts -> Jsonb,
        prechat_name -> Text,
        prechat_email -> Text,
        shows_operators -> Bool,
        identity_required -> Bool,
    }
}

diesel::table! {
    site_identity_secrets (site_id, kid) {
        site_id -> BigInt,
        kid -> Text,
        secret -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    refused_origins (site_id, origin) {
        site_id -> BigInt,
        origin -> Text,
        first_at -> Timestamptz,
        last_at -> Timestamptz,
        times -> BigInt,
    }
}

diesel::table! {
    contacts (id) {
        id -> BigInt,
        name -> Nullable<Text>,
        email -> Nullable<Text>,
        phone -> Nullable<Text>,
        attrs -> Jsonb,
        merged_into -> Nullable<BigInt>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    contact_identities (id) {
        id -> BigInt,
        contact_id -> BigInt,
        kind -> Text,
        value -> Text,
        site_id -> Nullable<BigInt>,
        proof -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    users (id) {
        id -> BigInt,
        email -> Text,
        name -> Text,
        role -> Text,
        password_hash -> Text,
        is_active -> Bool,
        created_at -> Timestamptz,
        tokens_from -> BigInt,
        revocation -> BigInt,
    }
}

diesel::joinable!(chat_members -> users (user_id));
diesel::joinable!(grants -> sites (site_id));
diesel::table! {
    session_openings (client_id) {
        client_id -> Uuid,
        chat_id -> BigInt,
        opened_at -> Timestamptz,
    }
}

diesel::joinable!(chat_sessions -> clients (client_id));
diesel::joinable!(chat_sessions -> chats (chat_id));
diesel::joinable!(chat_sessions -> sites (site_id));
diesel::joinable!(contact_identities -> contacts (contact_id));
diesel::joinable!(operator_leases -> users (user_id));
diesel::joinable!(refresh_tokens -> users (user_id));
diesel::joinable!(session_openings -> chat_sessions (chat_id));
diesel::allow_tables_to_appear_in_same_query!(
    chat_members,
    chat_sessions,
    chats,
    clients,
    contact_identities,
    contacts,
    grants,
    messages,
    operator_leases,
    refresh_tokens,
    session_openings,
    sites,
    users,
);
