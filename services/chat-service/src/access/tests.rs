//! The rules in PostgreSQL against a naive model of them, over every combination of actor, chat and verb.

use std::collections::HashMap;

use chat_events::Visibility;
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::RunQueryDsl;
use test_support::fresh_database;

use super::standing::STANDING;
use super::{Verb, check_verdict};

/// `iat` of all tokens here.
const ISSUED_AT: i64 = 1000;

/// The site that lets in only visitors who have proved who they are.
const WANTS_PROOF: i64 = 2;

/// An account, and its changes since its token was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AccountState {
    Open,
    Closed,
    LoggedOutEverywhere,
    LoggedOutHere,
}

#[derive(Debug, Clone, Copy)]
struct Account {
    role: &'static str,
    state: AccountState,
    works_in: WorksIn,
}

/// The grants of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorksIn {
    AllSites,
    /// These, by their ids.
    Sites(&'static [i64]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The client of the session of that number.
    Client(usize),
    /// The account of that number, asking as an operator.
    Staff(usize),
    /// The account of that number, asking as a user.
    User(usize),
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    is_active: bool,
    is_admin: bool,
    can_read: bool,
    can_write: bool,
    can_pin: bool,
    can_invite: bool,
}

#[derive(Debug, Clone, Copy)]
enum Chat {
    /// There is none.
    Nothing,
    Session {
        status: &'static str,
        is_banned: bool,
        is_proved: bool,
        site: i64,
    },
    /// A chat in which every account has these flags; without flags nobody is a member.
    Other {
        kind: &'static str,
        members: Option<Flags>,
    },
}

fn accounts() -> Vec<Account> {
    let states =
        [AccountState::Open, AccountState::Closed, AccountState::LoggedOutEverywhere, AccountState::LoggedOutHere];
    let of_role = |role| states.map(|state| Account { role, state, works_in: WorksIn::AllSites });
    let mut accounts: Vec<Account> = ["user", "operator", "admin"].into_iter().flat_map(of_role).collect();
    for sites in [&[][..], &[1], &[2], &[1, 2]] {
        let works_in = WorksIn::Sites(sites);
        let narrowed = |role| Account { role, state: AccountState::Open, works_in };
        accounts.extend(["user", "operator", "admin"].map(narrowed));
    }
    accounts
}

fn sessions() -> Vec<Chat> {
    let of_status = |status| {
        (0..8).map(move |bits: u8| Chat::Session {
            status,
            is_banned: bits & 1 > 0,
            is_proved: bits & 2 > 0,
            site: if bits & 4 > 0 { WANTS_PROOF } else { 1 },
        })
    };
    ["open", "pending", "closed"].into_iter().flat_map(of_status).collect()
}

fn all_flags() -> Vec<Option<Flags>> {
    let flags = |bits: u8| Flags {
        is_active: bits & 1 > 0,
        is_admin: bits & 2 > 0,
        can_read: bits & 4 > 0,
        can_write: bits & 8 > 0,
        can_pin: bits & 16 > 0,
        can_invite: bits & 32 > 0,
    };
    std::iter::once(None).chain((0..64).map(|bits| Some(flags(bits)))).collect()
}

fn chats() -> Vec<Chat> {
    let others = ["direct", "group", "channel", "record"]
        .into_iter()
        .flat_map(|kind| all_flags().into_iter().map(move |members| Chat::Other { kind, members }));
    sessions().into_iter().chain(others).chain([Chat::Nothing]).collect()
}

/// The answer: none is a yes. A closed session is a yes to its client that the work has to open first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Yes,
    OpenFirst,
    NotKnown,
    LoggedOut,
    No,
    NotHere,
}

/// The rules again, in the words of the documentation.
fn model(who: Who, accounts: &[Account], chat: (usize, Chat), verb: Verb) -> Says {
    match who {
        Who::Client(own) => client(own, chat, verb),
        Who::Staff(account) => staff(accounts[account], chat.1, verb),
        Who::User(account) => user(accounts[account], chat.1, verb),
    }
}

fn client(own: usize, (number, chat): (usize, Chat), verb: Verb) -> Says {
    if matches!(verb, Verb::Desk) {
        return Says::No;
    }
    if matches!(verb, Verb::Manage | Verb::Invite) {
        return Says::NotKnown;
    }
    // `check_scope` has seen the owner of the token: a client asks of its own session alone.
    let Chat::Session { status, is_banned, is_proved, site } = chat else { return Says::NotKnown };
    assert_eq!(own, number, "a client asks of its own session alone");
    match verb {
        _ if is_banned || (site == WANTS_PROOF && !is_proved) => Says::No,
        Verb::Read | Verb::SeeSession => Says::Yes,
        Verb::Write(Visibility::Public) if status == "closed" => Says::OpenFirst,
        Verb::Write(Visibility::Public) => Says::Yes,
        _ => Says::No,
    }
}

fn staff(account: Account, chat: Chat, verb: Verb) -> Says {
    if account.state != AccountState::Open {
        return Says::LoggedOut;
    }
    if matches!(verb, Verb::Manage | Verb::Invite) {
        return Says::NotKnown;
    }
    if account.role == "user" {
        return Says::No;
    }
    match (chat, account.works_in) {
        (Chat::Session { .. }, WorksIn::AllSites) => Says::Yes,
        (Chat::Session { site, .. }, WorksIn::Sites(sites)) if sites.contains(&site) => Says::Yes,
        _ => Says::NotKnown,
    }
}

fn user(account: Account, chat: Chat, verb: Verb) -> Says {
    if matches!(verb, Verb::Desk | Verb::SeeSession) {
        return Says::No;
    }
    if account.state != AccountState::Open {
        return Says::LoggedOut;
    }
    let Chat::Other { kind, members } = chat else { return Says::NotKnown };
    let flags = members.unwrap_or_default();
    let reads = flags.is_active && flags.can_read;
    let is_admin = flags.is_active && flags.is_admin;
    if matches!(verb, Verb::Invite) && reads && flags.can_invite && kind != "direct" {
        return Says::Yes;
    }
    if matches!(verb, Verb::Manage | Verb::Invite) {
        return match (is_admin || account.role == "admin", reads) {
            (true, _) if kind == "direct" => Says::NotHere,
            (true, _) => Says::Yes,
            (false, true) => Says::No,
            (false, false) => Says::NotKnown,
        };
    }
    if members.is_none() {
        return Says::NotKnown;
    }
    let may = match verb {
        Verb::Read => true,
        Verb::Write(visibility) => {
            flags.can_write && (kind != "channel" || flags.is_admin) && visibility == Visibility::Public
        }
        Verb::Pin => flags.can_pin || flags.is_admin,
        _ => unreachable!("seen above"),
    };
    if reads && may { Says::Yes } else { Says::No }
}

fn said(verb: Verb, verdict: &str) -> Says {
    if verdict == "closed" {
        return Says::OpenFirst;
    }
    match check_verdict(verb, verdict).map_err(|error| error.into_body().code.status()) {
        Ok(()) => Says::Yes,
        Err(404) => Says::NotKnown,
        Err(401) => Says::LoggedOut,
        Err(409) => Says::NotHere,
        Err(403) => Says::No,
        Err(other) => panic!("{verdict}: {other}"),
    }
}

/// Everybody and everything, with ids that are numbers here plus one.
fn people_and_chats(accounts: &[Account], chats: &[Chat]) -> String {
    let mut sql = "INSERT INTO sites (key, name, identity_required) VALUES ('second', 'Second', true);
        INSERT INTO contacts (name) VALUES ('Ada');"
        .to_owned();
    for (id, Account { role, state, works_in }) in (1..).zip(accounts) {
        let is_active = *state != AccountState::Closed;
        let tokens_from = if *state == AccountState::LoggedOutEverywhere { ISSUED_AT + 1 } else { ISSUED_AT };
        let revoked_at = if *state == AccountState::LoggedOutHere { "now()" } else { "NULL" };
        sql += &format!(
            "INSERT INTO users (id, email, name, role, password_hash, is_active, tokens_from) OVERRIDING SYSTEM VALUE
                VALUES ({id}, '{id}@example.com', 'U', '{role}', '', {is_active}, {tokens_from});
             INSERT INTO refresh_tokens (family, user_id, token_hash, expires_at, revoked_at)
                VALUES ('{}', {id}, '\\x{id:02x}', now(), {revoked_at});",
            login(id)
        );
        sql += &match works_in {
            WorksIn::AllSites => {
                format!("INSERT INTO grants (user_id, role, scope) VALUES ({id}, 'operator', 'all');")
            }
            WorksIn::Sites(sites) => {
                let grant = |site: &i64| {
                    format!(
                        "INSERT INTO grants (user_id, role, scope, site_id) VALUES ({id}, 'operator', 'site', {site});"
                    )
                };
                sites.iter().map(grant).collect()
            }
        };
    }
    for (id, chat) in (1..).zip(chats) {
        match chat {
            Chat::Nothing => {}
            Chat::Session { status, is_banned, is_proved, site } => {
                let contact = if *is_proved { "1" } else { "NULL" };
                let banned_at = if *is_banned { "now()" } else { "NULL" };
                sql += &format!(
                    "INSERT INTO chats (id, kind) OVERRIDING SYSTEM VALUE VALUES ({id}, 'session');
                     INSERT INTO clients (id, secret_hash, banned_at, contact_id) OVERRIDING SYSTEM VALUE
                        VALUES ({id}, '', {banned_at}, {contact});
                     INSERT INTO chat_sessions (chat_id, client_id, status, site_id)
                        VALUES ({id}, {id}, '{status}', {site});"
                );
            }
            Chat::Other { kind, members } => {
                sql += &format!("INSERT INTO chats (id, kind) OVERRIDING SYSTEM VALUE VALUES ({id}, '{kind}');");
                if let Some(flags) = members {
                    let Flags { is_active, is_admin, can_read, can_write, can_pin, can_invite } = flags;
                    sql += &format!(
                        "INSERT INTO chat_members (chat_id, user_id, is_active, is_admin, can_read, can_write, can_pin,
                                                   can_invite)
                         SELECT {id}, id, {is_active}, {is_admin}, {can_read}, {can_write}, {can_pin}, {can_invite}
                         FROM users;"
                    );
                }
            }
        }
    }
    sql
}

fn login(account: i64) -> String {
    format!("00000000-0000-0000-0000-{account:012}")
}

/// A question for PostgreSQL.
struct Case {
    who: Who,
    chat: usize,
    verb: Verb,
}

fn cases(accounts: &[Account], chats: &[Chat]) -> Vec<Case> {
    let everybody = (0..accounts.len()).flat_map(|account| [Who::Staff(account), Who::User(account)]);
    let mut pairs: Vec<(Who, usize)> =
        everybody.flat_map(|who| (0..chats.len()).map(move |chat| (who, chat))).collect();
    let sessions = chats.iter().enumerate().filter(|(_, chat)| matches!(chat, Chat::Session { .. }));
    pairs.extend(sessions.map(|(number, _)| (Who::Client(number), number)));
    pairs.push((Who::Client(chats.len() - 1), chats.len() - 1));
    pairs.into_iter().flat_map(|(who, chat)| Verb::ALL.map(|verb| Case { who, chat, verb })).collect()
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = BigInt)]
    place: i64,
    #[diesel(sql_type = Text)]
    verdict: String,
}

#[tokio::test]
async fn postgresql_rules_as_the_model_does_for_everybody_in_every_chat() {
    let (accounts, chats) = (accounts(), chats());
    let database = fresh_database().await;
    database.run_sql(&people_and_chats(&accounts, &chats)).await;
    let cases = cases(&accounts, &chats);

    // The statement itself, with a row of the cases in the place of each parameter.
    let mut one = STANDING.to_owned();
    for name in ["chat_id", "verb", "visibility", "principal", "user_id", "issued_at", "login"] {
        one = one.replace(&format!("${name}"), &format!("q.{name}"));
    }
    let one = one.replacen(", CASE q.principal", " AS verdict, CASE q.principal", 1);
    let sql = format!(
        "SELECT q.place, r.verdict FROM unnest($1, $2, $3, $4, $5, $6) WITH ORDINALITY
            AS p (chat_id, verb, visibility, principal, user_id, login_text, place)
         CROSS JOIN LATERAL (SELECT p.*, {ISSUED_AT}::bigint AS issued_at, p.login_text::uuid AS login) q
         CROSS JOIN LATERAL ({one}) r"
    );
    let principal = |who: Who| match who {
        Who::Client(_) => ("client", 0),
        Who::Staff(account) => ("staff", account + 1),
        Who::User(account) => ("user", account + 1),
    };
    let id = |number: usize| i64::try_from(number).expect("few");
    let column = |value: &dyn Fn(&Case) -> i64| -> Vec<i64> { cases.iter().map(value).collect() };
    let text = |value: &dyn Fn(&Case) -> &'static str| -> Vec<&'static str> { cases.iter().map(value).collect() };
    let logins: Vec<Option<String>> = cases
        .iter()
        .map(|case| Some(principal(case.who).1).filter(|user| *user > 0).map(|user| login(id(user))))
        .collect();
    let answers: Vec<Answer> = sql_query(sql)
        .bind::<Array<BigInt>, _>(column(&|case| id(case.chat + 1)))
        .bind::<Array<Text>, _>(text(&|case| case.verb.name()))
        .bind::<Array<Text>, _>(text(&|case| case.verb.visibility()))
        .bind::<Array<Text>, _>(text(&|case| principal(case.who).0))
        .bind::<Array<BigInt>, _>(column(&|case| id(principal(case.who).1)))
        .bind::<Array<Nullable<Text>>, _>(logins)
        .load(&mut database.connect().await)
        .await
        .expect("verdicts");

    assert_eq!(answers.len(), cases.len());
    let mut times = HashMap::new();
    for Answer { place, verdict } in answers {
        let Case { who, chat, verb } = cases[usize::try_from(place - 1).expect("a place")];
        let expected = model(who, &accounts, (chat, chats[chat]), verb);
        assert_eq!(said(verb, &verdict), expected, "{who:?} {verb:?} in {:?}: {verdict}", chats[chat]);
        *times.entry(format!("{expected:?}")).or_insert(0) += 1;
    }
    // Each answer is given to some actor.
    assert_eq!(times.len(), 6, "{times:?}");
    println!("{} combinations: {times:?}", cases.len());
}
