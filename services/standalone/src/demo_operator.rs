//! The operator that a newcomer signs in as.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chat_service::AppState;
use chat_service::accounts::DEMO_EMAIL;

/// Makes the account at the first start and prints its login; later prints where the login is kept.
pub(crate) async fn announce(chat: AppState, data: PathBuf) {
    chat.prepared().await;
    let file = data.join("demo-login");
    match chat_service::ensure_demo_operator(&chat).await {
        Ok(Some(password)) => {
            println!("Demo operator: {DEMO_EMAIL} with password {password}");
            match keep(&file, &password) {
                Ok(()) => println!(
                    "(kept in {}; `make admin ARGS=\"user add …\"`, or `standalone user add`, makes more accounts)",
                    file.display()
                ),
                Err(error) => println!("(printed this once, since {} cannot be written: {error})", file.display()),
            }
        }
        Ok(None) if file.exists() => println!("Demo operator: {DEMO_EMAIL}, login kept in {}", file.display()),
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "the demo operator could not be made"),
    }
}

fn keep(file: &Path, password: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    writeln!(file, "{DEMO_EMAIL} {password}")
}
