//! A chat-service of the test's own, and those who talk to it.

use chat_events::ErrorCode;
use chat_events::gateway_api::{Accounts as AccountsAnswer, ConnectResult, ConnectSnapshot};
use diesel::QueryableByName;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
pub(crate) use test_people::Visitor;
use test_people::{Accounts, PASSWORD, Rest, Secrets};
use test_support::process::wait_until_ready;
use test_support::{Database, Process, Program, fresh_database};
use uuid::Uuid;

/// Keys and database of one or several chat-services.
pub(crate) struct Installation {
    pub(crate) database: Database,
    pub(crate) secrets: Secrets,
}

/// A running chat-service.
pub(crate) struct Service {
    pub(crate) installation: Installation,
    pub(crate) process: Process,
    pub(crate) url: String,
    rest: Rest,
}

/// An answer: its status, and its JSON or null.
pub(crate) type Answer = (StatusCode, Value);

impl Installation {
    pub(crate) async fn fresh() -> Self {
        Self::on(fresh_database().await)
    }

    /// Keys for a database.
    pub(crate) fn on(database: Database) -> Self {
        Self { database, secrets: Secrets::generate() }
    }

    /// chat-service with this database and these keys.
    pub(crate) fn program(&self) -> Program {
        let program = Program::new("chat-service").env("DATABASE_URL", self.database.url());
        self.secrets.give_to(program).without_limits()
    }

    /// Its accounts and chats, as an administrator changes them.
    pub(crate) fn accounts(&self) -> Accounts {
        Accounts::of(&self.database)
    }

    /// Runs a command of the command line to its end.
    pub(crate) fn command(&self, arguments: &[&str], input: &str) -> String {
        let program = arguments.iter().fold(self.program(), |program, argument| program.arg(*argument));
        program.run(input)
    }

    /// The first column of a query, as text.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            text: String,
        }
        let query = diesel::sql_query(format!("SELECT column1::text AS text FROM ({sql}) AS t (column1)"));
        let rows: Vec<Row> = query.load(&mut self.database.connect().await).await.expect("rows");
        rows.into_iter().map(|row| row.text).collect()
    }
}

impl Service {
    /// Started and ready, on its own database.
    pub(crate) async fn start() -> Self {
        Self::start_on(Installation::fresh().await).await
    }

    pub(crate) async fn start_on(installation: Installation) -> Self {
        let program = installation.program();
        Self::start_program(installation, program).await
    }

    /// The same with a configuration of the test's own.
    pub(crate) async fn start_program(installation: Installation, program: Program) -> Self {
        let mut process = program.start();
        let url = format!("http://{}", process.addr().await);
        wait_until_ready(&format!("{url}/readyz")).await;
        let rest = Rest::new(&url);
        Self { installation, process, url, rest }
    }

    /// One request; the body is sent as JSON if there is one.
    pub(crate) async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let answer = self.rest.call(method, path, token, body).await;
        (StatusCode::from_u16(answer.status).expect("a status"), answer.body)
    }

    /// A request to be filled in by hand. Its client is made once: it reads all certificates of the machine.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.rest.request(method, path)
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(token), Some(body)).await
    }

    /// What a gateway asks.
    pub(crate) async fn ask(&self, what: &str, body: Value) -> Answer {
        self.post(&format!("/internal/{what}"), self.installation.secrets.internal(), body).await
    }

    /// What a client wants to be written, as its gateway passes it on. The answer is that of the command.
    pub(crate) async fn command(&self, kind: &str, fields: Value) -> Answer {
        let Value::Object(mut command) = fields else { panic!("an object") };
        let mut request = json!({});
        for field in ["principal", "chat_id", "from", "origin"] {
            if let Some(value) = command.remove(field) {
                request[field] = value;
            }
        }
        request["command"] = json!({kind: command});
        let (status, mut answer) = self.ask("command", request).await;
        let outcome = answer.as_object().filter(|_| status == StatusCode::OK).and_then(|it| it.keys().next().cloned());
        (status, outcome.map_or(answer.clone(), |outcome| answer[&outcome].take()))
    }

    /// What becomes of the connection of one operator or user.
    pub(crate) async fn admission(&self, connect: Value) -> Result<ConnectSnapshot, ErrorCode> {
        let (status, answer) = self.ask("accounts", json!({"connects": [connect]})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let accounts: AccountsAnswer = serde_json::from_value(answer).expect("accounts");
        match <[ConnectResult; 1]>::try_from(accounts.admissions).expect("one admission") {
            [ConnectResult::Admitted(snapshot)] => Ok(snapshot),
            [ConnectResult::Refused(error)] => Err(error.code),
        }
    }

    /// A client that has opened a session.
    pub(crate) async fn visitor(&self) -> Visitor {
        Visitor::open(&self.rest, "Ada").await
    }

    /// Makes an account and logs it in: its id and its access token.
    pub(crate) async fn account(&self, email: &str, role: &str) -> (i64, String) {
        let account = self.installation.accounts().add(email, "Somebody", role).await;
        let (status, login) = self.log_in(email, PASSWORD).await;
        assert_eq!(status, StatusCode::OK, "{login}");
        (account.id, login["access_token"].as_str().expect("a token").to_owned())
    }

    /// An operator: its id and its access token.
    pub(crate) async fn operator(&self) -> (i64, String) {
        self.account("operator@example.com", "operator").await
    }

    /// A group of these users; the first is its admin.
    pub(crate) async fn group(&self, users: &[i64]) -> i64 {
        self.installation.accounts().group(None, users).await
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.call(Method::POST, "/auth/login", None, Some(body)).await
    }

    /// Writes in a session.
    pub(crate) async fn say(&self, session: i64, token: &str, body: &str) -> Answer {
        self.post(&messages(session), token, message(body)).await
    }

    /// Writes a note.
    pub(crate) async fn note(&self, session: i64, token: &str, body: &str) -> Answer {
        let mut note = message(body);
        note["visibility"] = "staff".into();
        self.post(&messages(session), token, note).await
    }

    /// Changes a session's status, which must succeed.
    pub(crate) async fn set_status(&self, session: i64, token: &str, status: &str) {
        let path = format!("/chat/session/{session}/status");
        let (code, answer) = self.post(&path, token, json!({"status": status})).await;
        assert_eq!((code, &answer["status"]), (StatusCode::OK, &json!(status)), "{answer}");
    }
}

/// A new message.
pub(crate) fn message(body: &str) -> Value {
    json!({"body": body, "client_id": Uuid::new_v4()})
}

/// The path of a session's messages.
pub(crate) fn messages(session: i64) -> String {
    format!("/chat/session/{session}/messages")
}

/// The texts of a page.
pub(crate) fn bodies(page: &Value) -> Vec<&str> {
    page["messages"].as_array().expect("a page").iter().map(|message| message["body"].as_str().expect("text")).collect()
}

/// One field of every message of a page.
pub(crate) fn numbers(page: &Value, field: &str) -> Vec<i64> {
    let messages = page["messages"].as_array().expect("a page").iter();
    messages.map(|message| message[field].as_i64().expect("a number")).collect()
}

/// The code of an error, in the one shape that errors have.
pub(crate) fn code(answer: &Value) -> &str {
    let error = &answer["error"];
    assert!(error["message"].is_string() && error["details"].is_object(), "not an error: {answer}");
    error["code"].as_str().expect("a code")
}
