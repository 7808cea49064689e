//! PostgreSQL alone: pgbench runs the statement of a send, prepared, with a random chat and a fresh `client_id`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::sender::BODY;

/// Ready to run.
pub(crate) struct Pgbench {
    program: PathBuf,
    database_url: String,
    chats: Vec<i64>,
}

/// What one send costs PostgreSQL.
const SEND_STATEMENT: &str = include_str!("one_send.sql");

/// What the parameters of the statement are; chats and `client_id`s are made anew for each.
const VARIABLES: [&str; 7] = [
    "principal=client",
    "user_id=0",
    "issued_at=9223372036854775807",
    "sender_type=client",
    "visibility=public",
    "kind=chat.message.sent",
    "lanes=4",
];

impl Pgbench {
    /// The chats must have ids in a row.
    pub(crate) fn new(program: &Path, database_url: &str, mut chats: Vec<i64>) -> anyhow::Result<Self> {
        chats.sort_unstable();
        let expected = chats.first().copied().unwrap_or_default()..;
        ensure!(chats.iter().copied().eq(expected.take(chats.len())), "somebody else opened sessions meanwhile");
        Ok(Self { program: program.to_owned(), database_url: database_url.to_owned(), chats })
    }

    /// Transactions in a second. Blocks as long as it takes.
    pub(crate) fn run(&self, clients: usize, chats: usize, time: Duration) -> anyhow::Result<f64> {
        let last = self.chats.get(chats - 1).context("so many chats there are not")?;
        let script = script(SEND_STATEMENT, self.chats[0], *last);
        let file = std::env::temp_dir().join(format!("switchboard-send-{}.sql", std::process::id()));
        fs::write(&file, script)?;
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2"]).arg(format!("--client={clients}"));
        command.arg(format!("--time={}", time.as_secs())).arg("--file").arg(&file);
        for variable in VARIABLES {
            command.args(["--define", variable]);
        }
        command.arg(format!("--define=body={BODY}"));
        // The address holds a password: the list of processes must not show it.
        command.env("PGSERVICEFILE", "/dev/null").envs(connection(&self.database_url)?);
        let output = command.stdin(Stdio::null()).output().context("pgbench cannot be started")?;
        fs::remove_file(&file)?;
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")).context("pgbench tells no tps")?;
        Ok(tps.split(' ').next().unwrap_or_default().parse()?)
    }
}

/// Where libpq reads the parts of an address.
fn connection(url: &str) -> anyhow::Result<Vec<(&'static str, String)>> {
    let url = reqwest::Url::parse(url).context("the address of PostgreSQL cannot be read")?;
    Ok(vec![
        ("PGHOST", url.host_str().unwrap_or("127.0.0.1").to_owned()),
        ("PGPORT", url.port().unwrap_or(5432).to_string()),
        ("PGUSER", url.username().to_owned()),
        ("PGPASSWORD", url.password().unwrap_or_default().to_owned()),
        ("PGDATABASE", url.path().trim_start_matches('/').to_owned()),
    ])
}

/// The statement as pgbench takes it. What pgbench cannot make itself, NULL and UUIDs, stands in the text.
fn script(statement: &str, first_chat: i64, last_chat: i64) -> String {
    let mut text = String::new();
    // pgbench takes `:MI` and `:SS` in a format of times for variables, quotes or not; to_char takes `":"` for `:`.
    let statement: String =
        statement.lines().filter(|line| !line.starts_with("--")).map(|line| format!("{line}\n")).collect();
    let statement = statement.trim_end().replace("HH24:MI:SS", "HH24\":\"MI\":\"SS");
    let mut parts = statement.split('$');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        match &part[..end] {
            "client_id" => text.push_str("gen_random_uuid()"),
            "login" => text.push_str("NULL::uuid"),
            "traceparent" => text.push_str("NULL::text"),
            name => text.extend([":", name]),
        }
        text.push_str(&part[end..]);
    }
    format!("\\set chat_id random({first_chat}, {last_chat})\n{text};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_of_the_statement_gets_a_value() {
        let script = script(SEND_STATEMENT, 1, 10);
        assert!(script.starts_with("\\set chat_id random(1, 10)\n") && !script.contains('$'), "{script}");
        let names = script.split(':').skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            &rest[..end]
        });
        let known = |name: &str| {
            let is_variable = VARIABLES.iter().any(|variable| variable.starts_with(&format!("{name}=")));
            is_variable || ["", "body", "chat_id", "text", "smallint", "uuid"].contains(&name)
        };
        let unknown: Vec<&str> = names.filter(|name| !known(name)).collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
