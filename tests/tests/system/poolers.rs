//! A pooler between Switchboard and PostgreSQL: locks, LISTEN and settings need sessions.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use reqwest::Url;
use serde_json::json;
use system_tests::chain::free_address;
use system_tests::{Rest, Visitor};
use tempfile::TempDir;
use test_support::process::wait_until_ready;
use test_support::{Database, Process, Program, fresh_database, wait_until};

/// PgBouncer in front of a database of the test's own.
struct Pooler {
    url: String,
    database: Database,
    _process: Process,
    _folder: TempDir,
}

impl Pooler {
    async fn start(pool_mode: &str) -> Self {
        let (database, folder, address) = (fresh_database().await, TempDir::new().expect("a folder"), free_address());
        let server = Url::parse(database.url()).expect("a URL");
        let settings = format!(
            "[databases]\n* = host={} port={} user={} password={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {pool_mode}\ndefault_pool_size = 40\n",
            server.host_str().expect("a host"),
            server.port().unwrap_or(5432),
            server.username(),
            server.password().unwrap_or_default(),
            address.port(),
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).expect("a file");
        // It refuses to be root, and reads its settings as whom it becomes.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("rights");
        let program = Program::at("pgbouncer", PathBuf::from("/usr/sbin/pgbouncer"));
        let program = if rustix::process::geteuid().is_root() { program.arg("-u").arg("nobody") } else { program };
        let process = program.arg(file.to_string_lossy()).start();
        wait_until("PgBouncer", async || tokio::net::TcpStream::connect(address).await.ok()).await;
        let url = format!("postgres://{}@{address}/{}", server.username(), server.path().trim_start_matches('/'));
        Self { url, database, _process: process, _folder: folder }
    }

    fn standalone(&self, data: &TempDir) -> Program {
        Program::new("standalone").env("DATABASE_URL", &self.url).env("DATA_DIR", data.path().to_string_lossy())
    }
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_at_start_by_name() {
    let data = TempDir::new().expect("a folder");
    for pool_mode in ["transaction", "statement"] {
        let pooler = Pooler::start(pool_mode).await;
        let mut process = pooler.standalone(&data).start();
        assert!(!process.ended().await.success());
        let log = process.log().join("\n");
        assert!(log.contains("pooler in transaction mode"), "{log}");
        drop(pooler.database);
    }
}

#[tokio::test]
async fn behind_a_pooler_in_session_mode_messages_are_taken() {
    let data = TempDir::new().expect("a folder");
    let pooler = Pooler::start("session").await;
    let mut process = pooler.standalone(&data).start();
    let url = format!("http://{}", process.addr().await);
    wait_until_ready(&format!("{url}/readyz")).await;
    let rest = Rest::new(&url);
    let visitor = Visitor::open(&rest, "Ann").await;
    let path = format!("/chat/session/{}/messages", visitor.session);
    let message = json!({"body": "by way of a pooler", "client_id": uuid::Uuid::new_v4()});
    let answer = rest.request(reqwest::Method::POST, &path).bearer_auth(&visitor.token).json(&message).send().await;
    assert_eq!(answer.expect("an answer").status(), 201);
}
