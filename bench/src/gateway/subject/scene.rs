//! Who is there, and where messages go.

use channel_auth::Role;

use crate::programs::Secrets;

/// The only chat of a group.
pub(crate) const CHAT: i64 = 1;

/// What a fresh database is filled with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scene {
    /// Users, all members of one group chat.
    Group { users: usize },
    /// The same, who all come back with resume tickets.
    Returning { users: usize },
    /// Users in one large group, and others two by two in small ones.
    Neighbours { large: usize, small: usize },
    /// Visitors, each in a session of its own.
    Visitors { sessions: usize },
    /// Operators, who all see each of these sessions.
    StaffFeed { operators: usize, sessions: usize },
}

impl Scene {
    /// How many may connect.
    pub(crate) fn people(self) -> usize {
        match self {
            Self::Group { users } | Self::Returning { users } => users,
            Self::Neighbours { large, small } => large + 2 * small,
            Self::Visitors { sessions } => sessions,
            Self::StaffFeed { operators, .. } => operators,
        }
    }

    /// What the one of that number, from 1, shows in a handshake: an access token, or a session and its token.
    pub(crate) fn credential(self, secrets: &Secrets, number: usize) -> anyhow::Result<String> {
        Ok(match self {
            Self::Visitors { .. } => format!("{number}&token={}", secrets.session_token(number)?),
            Self::Returning { .. } => secrets.resume_ticket(number, self.role())?,
            Self::Group { .. } | Self::Neighbours { .. } | Self::StaffFeed { .. } => {
                secrets.access_token(number, self.role())
            }
        })
    }

    /// What is before the credential in the query of a handshake.
    pub(crate) fn query(self) -> &'static str {
        match self {
            Self::Group { .. } | Self::Returning { .. } | Self::Neighbours { .. } => "access_token=",
            Self::Visitors { .. } => "session=",
            Self::StaffFeed { .. } => "type=staff&access_token=",
        }
    }

    /// Where a message of that number goes: to each session in turn, far from the one before.
    pub(crate) fn path(self, number: u32) -> String {
        match self {
            Self::Group { .. } | Self::Returning { .. } | Self::Neighbours { .. } => format!("/chats/{CHAT}"),
            Self::Visitors { sessions } | Self::StaffFeed { sessions, .. } => {
                format!("/chat/session/{}", u64::from(number) * 7919 % u64::try_from(sessions).unwrap_or(1) + 1)
            }
        }
    }

    /// Of accounts.
    fn role(self) -> Role {
        match self {
            Self::Group { .. } | Self::Returning { .. } | Self::Neighbours { .. } | Self::Visitors { .. } => Role::User,
            Self::StaffFeed { .. } => Role::Operator,
        }
    }

    /// Fills a database.
    pub(crate) fn sql(self) -> String {
        let filled = match self {
            Self::Group { users } | Self::Returning { users } => format!(
                "{}
                 INSERT INTO chats (id, kind, title) OVERRIDING SYSTEM VALUE VALUES ({CHAT}, 'group', 'Bench');
                 INSERT INTO chat_members (chat_id, user_id) SELECT {CHAT}, id FROM users;",
                self.accounts(users)
            ),
            Self::Neighbours { large, small } => format!(
                "{}
                 INSERT INTO chats (id, kind, title) OVERRIDING SYSTEM VALUE
                     SELECT n, 'group', 'Bench' FROM generate_series({CHAT}, {CHAT} + {small}) n;
                 INSERT INTO chat_members (chat_id, user_id) SELECT
                     CASE WHEN id <= {large} THEN {CHAT} ELSE {CHAT} + 1 + (id - {large} - 1) / 2 END, id FROM users;",
                self.accounts(large + 2 * small)
            ),
            Self::Visitors { sessions } => open_sessions(sessions),
            Self::StaffFeed { operators, sessions } => self.accounts(operators) + &open_sessions(sessions),
        };
        format!("{filled} ANALYZE;")
    }

    fn accounts(self, count: usize) -> String {
        format!(
            "INSERT INTO users (id, email, name, role, password_hash) OVERRIDING SYSTEM VALUE
                 SELECT n, 'user' || n || '@example.com', 'User ' || n, '{}', '-' FROM generate_series(1, {count}) n;
             INSERT INTO grants (user_id, role, scope) SELECT id, role, 'all' FROM users WHERE role <> 'user';",
            self.role().as_str(),
        )
    }
}

/// Sessions 1 to `count`, each of a client of its own.
fn open_sessions(count: usize) -> String {
    format!(
        "INSERT INTO clients (id, name, secret_hash) OVERRIDING SYSTEM VALUE
             SELECT n, 'Visitor ' || n, '' FROM generate_series(1, {count}) n;
         INSERT INTO chats (id, kind) OVERRIDING SYSTEM VALUE SELECT id, 'session' FROM clients;
         INSERT INTO chat_sessions (chat_id, client_id) SELECT id, id FROM clients;"
    )
}
