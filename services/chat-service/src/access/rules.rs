//! The rules, as pieces of SQL that statements share.
//!
//! A rule is an expression whose value is a *verdict*: `allowed`, or why not; [`super::check_verdict`] says it in words.
//! Aliases are fixed: `c` the chat, `s` its session, `v` its client (joined for clients alone), `u` the account that acts,
//! if it is open and its token counts ([`acting_user`]); its grants are looked up by it; `p` its membership (joined for users alone, never of a session).
//! All but the chat's own are joined from outside, and may have no row.

/// That `u` is the account of the actor, that it is open, and that the access token still counts (`$user_id`,
/// `$issued_at`, `$login`, or the SQL that is given in their place).
macro_rules! acting_user {
    () => {
        $crate::access::rules::acting_user!("$user_id", "$issued_at", "$login")
    };
    ($user_id:literal, $issued_at:literal, $login:literal) => {
        concat!(
            "u.id = ",
            $user_id,
            " AND u.is_active AND u.tokens_from <= ",
            $issued_at,
            " AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family = ",
            $login,
            " AND t.revoked_at IS NOT NULL)"
        )
    };
}

/// That the account `u` works in support sessions at all.
macro_rules! is_staff {
    () => {
        "u.role IN ('operator', 'admin')"
    };
}

/// That the operator of the given id (as SQL) works in the site of the session `s`. No grant is no right.
macro_rules! works_in_site {
    ($user_id:literal) => {
        concat!(
            "EXISTS (SELECT FROM grants g WHERE g.user_id = ",
            $user_id,
            " AND (g.scope = 'all' OR g.site_id = s.site_id))"
        )
    };
}

/// The sites in which an operator works, as an array; null for all.
macro_rules! scope_sites {
    ($user_id:literal) => {
        concat!(
            "CASE WHEN NOT EXISTS (SELECT FROM grants g WHERE g.user_id = ",
            $user_id,
            " AND g.scope = 'all') THEN ARRAY(SELECT g.site_id FROM grants g WHERE g.user_id = ",
            $user_id,
            ") END"
        )
    };
}

/// That the admin of the given id (as SQL) administers these sites (as SQL), null for all; no site is as good as none of its own.
macro_rules! administers_sites {
    ($admin_id:literal, $sites:literal) => {
        concat!(
            "(EXISTS (SELECT FROM grants g WHERE g.user_id = ",
            $admin_id,
            " AND g.scope = 'all') OR (cardinality(",
            $sites,
            ") > 0 AND ",
            $sites,
            " <@ ARRAY(SELECT g.site_id FROM grants g WHERE g.user_id = ",
            $admin_id,
            " AND g.site_id IS NOT NULL)))"
        )
    };
}

/// That the admin of the given id (as SQL) administers the account of another: all of its sites are its own. Accounts that
/// are of no site are for admins of all sites.
macro_rules! administers {
    ($admin_id:literal, $user_id:literal) => {
        concat!(
            "(EXISTS (SELECT FROM grants g WHERE g.user_id = ",
            $admin_id,
            " AND g.scope = 'all') OR (EXISTS (SELECT FROM grants t WHERE t.user_id = ",
            $user_id,
            ") AND NOT EXISTS (SELECT FROM grants t WHERE t.user_id = ",
            $user_id,
            " AND NOT EXISTS (SELECT FROM grants g WHERE g.user_id = ",
            $admin_id,
            " AND g.site_id = t.site_id))))"
        )
    };
}

/// That the account of the given id (as SQL) is an admin's, and open.
macro_rules! is_open_admin {
    ($user_id:literal) => {
        concat!("EXISTS (SELECT FROM users k WHERE k.id = ", $user_id, " AND k.is_active AND k.role = 'admin')")
    };
}

/// That there is an admin of all sites, whose account is open.
macro_rules! has_admin_of_all {
    () => {
        "EXISTS (SELECT FROM users u JOIN grants g ON g.user_id = u.id
                 WHERE u.role = 'admin' AND u.is_active AND g.scope = 'all')"
    };
}

/// That there is no account of an admin, not even a closed one.
macro_rules! has_no_admin {
    () => {
        "NOT EXISTS (SELECT FROM users k WHERE k.role = 'admin')"
    };
}

/// That the client `v` of the session `s` has not proved who it is, and that its site wants it to.
macro_rules! is_unproved {
    () => {
        "(v.contact_id IS NULL AND EXISTS (SELECT FROM sites w WHERE w.id = s.site_id AND w.identity_required))"
    };
}

/// That the member `p` may read its chat.
macro_rules! member_reads {
    () => {
        "p.is_active AND p.can_read"
    };
}

/// That the actor (`$principal`, `$user_id`, `$session_id`), known to have the right to ask, may see the chat `c` (if it is
/// a session, `s`): for statements about many chats at once. A user's membership is `p`; whether chats that are no sessions count is given as SQL.
macro_rules! may_see {
    ($own_chats:literal) => {
        concat!(
            "CASE WHEN c.kind = 'session' THEN CASE $principal WHEN 'staff' THEN ",
            $crate::access::rules::works_in_site!("$user_id"),
            " ELSE c.id = $session_id END ELSE ",
            $own_chats,
            " AND ",
            $crate::access::rules::member_reads!(),
            " END"
        )
    };
}

/// A verdict, where it begins like that of reading: whether the actor knows of the chat at all. Then it goes on for
/// each kind of principal.
macro_rules! knowing {
    ($principal:literal, gateway: $gateway:expr, client: $client:expr, staff: $staff:expr, user: $user:expr) => {
        concat!(
            "CASE
                WHEN ",
            $principal,
            " = 'gateway' THEN CASE WHEN c.id IS NULL THEN 'unknown' ELSE ",
            $gateway,
            " END
                WHEN ",
            $principal,
            " = 'client' THEN CASE
                    WHEN s.chat_id IS NULL THEN 'unknown'
                    WHEN v.banned_at IS NOT NULL THEN 'banned'
                    WHEN ",
            $crate::access::rules::is_unproved!(),
            " THEN 'unproved'
                    ELSE ",
            $client,
            " END
                WHEN u.id IS NULL THEN 'inactive'
                WHEN ",
            $principal,
            " = 'staff' THEN CASE
                    WHEN NOT (",
            $crate::access::rules::is_staff!(),
            ") THEN 'not_staff'
                    WHEN s.chat_id IS NULL OR NOT ",
            $crate::access::rules::works_in_site!("u.id"),
            " THEN 'unknown'
                    ELSE ",
            $staff,
            " END
                WHEN p.user_id IS NULL THEN 'unknown'
                WHEN NOT (",
            $crate::access::rules::member_reads!(),
            ") THEN 'forbidden'
                ELSE ",
            $user,
            " END"
        )
    };
}

/// The verdict on a verb, for the principal (and, of a message, the visibility) that is given as SQL.
macro_rules! verdict {
    (read, $principal:literal) => {
        $crate::access::rules::knowing!($principal, gateway: "'allowed'", client: "'allowed'", staff: "'allowed'", user: "'allowed'")
    };
    // A closed session is opened again before its client writes.
    (write, $principal:literal, $visibility:literal) => {
        $crate::access::rules::knowing!($principal,
            gateway: "'forbidden'",
            client: concat!("CASE WHEN ", $visibility, " <> 'public' THEN 'note'
                WHEN s.status = 'closed' THEN 'closed' ELSE 'allowed' END"),
            staff: "'allowed'",
            user: concat!("CASE
                WHEN NOT (p.can_write AND (c.kind <> 'channel' OR p.is_admin)) THEN 'not_writer'
                WHEN ", $visibility, " <> 'public' THEN 'note' ELSE 'allowed' END"))
    };
    (pin, $principal:literal) => {
        $crate::access::rules::knowing!($principal, gateway: "'forbidden'", client: "'forbidden'", staff: "'allowed'",
            user: "CASE WHEN p.can_pin OR p.is_admin THEN 'allowed' ELSE 'forbidden' END")
    };
    // A member with the right to invite may bring others in; admins may do so anyway.
    (invite, $principal:literal) => {
        concat!("CASE WHEN ", $principal, " = 'user' AND u.id IS NOT NULL AND ", $crate::access::rules::member_reads!(), " AND p.can_invite
                AND c.kind NOT IN ('session', 'direct') THEN 'allowed' ELSE ", $crate::access::rules::verdict!(manage, $principal), " END")
    };
    // Admins of the installation manage chats that they are no member of.
    (manage, $principal:literal) => {
        concat!(
            "CASE
                WHEN ", $principal, " <> 'user' THEN CASE WHEN ", $principal, " = 'staff' AND u.id IS NULL THEN 'inactive'
                    ELSE 'unknown' END
                WHEN u.id IS NULL THEN 'inactive'
                WHEN c.id IS NULL OR c.kind = 'session' THEN 'unknown'
                WHEN u.role = 'admin' OR (p.is_active AND p.is_admin) THEN
                    CASE c.kind WHEN 'direct' THEN 'direct' ELSE 'allowed' END
                WHEN ", $crate::access::rules::member_reads!(), " THEN 'not_admin'
                ELSE 'unknown' END"
        )
    };
    (see_session, $principal:literal) => {
        concat!("CASE WHEN ", $principal, " = 'user' THEN 'not_staff' ELSE ", $crate::access::rules::verdict!(read, $principal), " END")
    };
    (desk, $principal:literal) => {
        concat!("CASE WHEN ", $principal, " <> 'staff' THEN 'not_staff' ELSE ", $crate::access::rules::verdict!(read, $principal), " END")
    };
}

/// The verdict on the verb of that name (`$verb`, `$visibility`).
macro_rules! verdict_by_name {
    () => {
        concat!(
            "CASE $verb WHEN 'read' THEN ",
            $crate::access::rules::verdict!(read, "$principal"),
            " WHEN 'write' THEN ",
            $crate::access::rules::verdict!(write, "$principal", "$visibility"),
            " WHEN 'pin' THEN ",
            $crate::access::rules::verdict!(pin, "$principal"),
            " WHEN 'invite' THEN ",
            $crate::access::rules::verdict!(invite, "$principal"),
            " WHEN 'manage' THEN ",
            $crate::access::rules::verdict!(manage, "$principal"),
            " WHEN 'see_session' THEN ",
            $crate::access::rules::verdict!(see_session, "$principal"),
            " WHEN 'desk' THEN ",
            $crate::access::rules::verdict!(desk, "$principal"),
            " END"
        )
    };
}

/// The rows that the rules look at, of the chat with the given id (as SQL) and of the actor (`$principal`, and what
/// `acting_user!` needs).
macro_rules! ruled {
    ($chat_id:literal) => {
        concat!(
            "(SELECT ",
            $chat_id,
            " AS id) asked
            LEFT JOIN chats c ON c.id = asked.id
            LEFT JOIN chat_sessions s ON s.chat_id = c.id
            LEFT JOIN clients v ON v.id = s.client_id AND $principal = 'client'
            LEFT JOIN users u ON $principal IN ('staff', 'user') AND ",
            $crate::access::rules::acting_user!(),
            "
            LEFT JOIN chat_members p ON p.chat_id = c.id AND p.user_id = u.id AND $principal = 'user'
                AND c.kind <> 'session'"
        )
    };
}

/// One row, always, about the chat `$chat_id` and the actor: the verdict on the verb, and the reader's own id.
macro_rules! reader_cte {
    ($verb:ident) => {
        concat!(
            "reader AS MATERIALIZED (
            SELECT c.id AS chat_id, c.kind, s.site_id, c.seq, ",
            $crate::access::rules::verdict!($verb, "$principal"),
            " AS verdict, CASE $principal WHEN 'client' THEN s.client_id ELSE u.id END AS self_id
            FROM ",
            $crate::access::rules::ruled!("$chat_id"),
            ")"
        )
    };
}

pub(crate) use {
    acting_user, administers, administers_sites, has_admin_of_all, has_no_admin, is_open_admin, is_staff, is_unproved,
    knowing, may_see, member_reads, reader_cte, ruled, scope_sites, verdict, verdict_by_name, works_in_site,
};
