//! A fresh database for one test, cloned from a template that was migrated once.
//!
//! The template's name holds a hash of the migrations, so changed migrations make another one.

use std::path::Path;

use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::{names, servers, wait};

/// Taken while the template is made and old databases are swept.
const TEMPLATE_LOCK: i64 = 0x5b0a_2d7e_57db;
const MIGRATIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/schema");

/// A database of one test. Dropped with it.
#[derive(Debug)]
pub struct Database {
    url: String,
    name: String,
}

/// A new, migrated and otherwise empty database on `TEST_DATABASE_URL`.
pub async fn fresh_database() -> Database {
    let server = servers::variable("TEST_DATABASE_URL");
    let template = template_name();
    ensure_template(&server, &template).await;
    create(&server, &template).await
}

/// A new database without tables on `TEST_DATABASE_URL`.
pub async fn empty_database() -> Database {
    create(&servers::variable("TEST_DATABASE_URL"), "template0").await
}

async fn create(server: &str, template: &str) -> Database {
    let name = names::fresh();
    let mut admin = connect(server).await;
    // Copied through the log, a page at a time, it takes three times the processor's time.
    run(&mut admin, &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await;
    Database { url: with_database(server, &name), name }
}

impl Database {
    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection of the test's own.
    pub async fn connect(&self) -> AsyncPgConnection {
        connect(&self.url).await
    }

    /// Runs SQL that returns nothing.
    pub async fn run_sql(&self, sql: &str) {
        run(&mut self.connect().await, sql).await;
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (servers::variable("TEST_DATABASE_URL"), self.name.clone());
        wait::finish(async move {
            // A failure here must not hide why the test failed; a later test sweeps.
            if let Ok(mut admin) = AsyncPgConnection::establish(&server).await {
                let _swept_later = admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            }
        });
    }
}

async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url).await.unwrap_or_else(|why| panic!("the test's PostgreSQL does not answer: {why}"))
}

async fn run(connection: &mut AsyncPgConnection, sql: &str) {
    connection.batch_execute(sql).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
}

/// The same server and role, another database.
fn with_database(url: &str, name: &str) -> String {
    let mut url = Url::parse(url).expect("TEST_DATABASE_URL is a URL");
    url.set_path(name);
    url.into()
}

fn template_name() -> String {
    let mut files: Vec<_> = migration_files(Path::new(MIGRATIONS));
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(std::fs::read(&file).expect("a migration"));
    }
    let hash: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{}_template_{hash}", names::any())
}

fn migration_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the migrations");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { migration_files(&path) } else { vec![path] }).collect()
}

/// Makes the template unless it is there. Of many tests that start at once, one makes it and the others wait.
async fn ensure_template(server: &str, template: &str) {
    let mut admin = connect(server).await;
    if exists(&mut admin, template).await {
        return;
    }
    run(&mut admin, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    if !exists(&mut admin, template).await {
        sweep(&mut admin).await;
        let unfinished = format!("{template}_unfinished");
        run(&mut admin, &format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")).await;
        run(&mut admin, &format!("CREATE DATABASE {unfinished}")).await;
        migrate(with_database(server, &unfinished)).await;
        run(&mut admin, &format!("ALTER DATABASE {unfinished} RENAME TO {template}")).await;
    }
    run(&mut admin, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
}

/// In a thread of its own: the harness blocks, which the runtime of a test may not allow.
async fn migrate(url: String) {
    let migrated = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let migrations = FileBasedMigrations::from_path(MIGRATIONS).expect("the migrations");
            let mut harness = AsyncMigrationHarness::new(connect(&url).await);
            harness.run_pending_migrations(migrations).unwrap_or_else(|why| panic!("the migrations fail: {why}"));
        });
    });
    tokio::task::spawn_blocking(|| migrated.join()).await.expect("no panic").expect("the database is migrated");
}

#[derive(QueryableByName)]
struct Exists {
    #[diesel(sql_type = Bool)]
    exists: bool,
}

async fn exists(admin: &mut AsyncPgConnection, name: &str) -> bool {
    let query = sql_query("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)").bind::<Text, _>(name);
    query.get_result::<Exists>(admin).await.expect("a list of databases").exists
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    datname: String,
}

/// Drops the databases of tests that were killed.
async fn sweep(admin: &mut AsyncPgConnection) {
    let query = sql_query("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)");
    let names: Vec<Name> = query.bind::<Text, _>(names::any()).load(admin).await.expect("a list of databases");
    for name in names.iter().filter(|name| names::is_left_behind(&name.datname)) {
        // Another test run may sweep it at the same time.
        let _dropped_by_another = admin.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", name.datname)).await;
    }
}
