//! Where figures go: to the terminal, and into a folder where `make bench` puts them together.

use std::path::{Path, PathBuf};

use clap::Args;

/// Where figures go beside the terminal.
#[derive(Debug, Clone, Args)]
pub(crate) struct Output {
    /// Where the table is written too, as a file with the bench's name and `.md`, and the last line as `.line`.
    #[arg(long = "output")]
    folder: Option<PathBuf>,
}

impl Output {
    /// Prints the table, and at last the line for machines.
    pub(crate) fn report(&self, name: &str, table: &str, line: &str) -> std::io::Result<()> {
        println!("\n{table}\n{line}");
        self.folder.as_deref().map_or(Ok(()), |folder| write(folder, name, table, line))
    }
}

fn write(folder: &Path, name: &str, table: &str, line: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(format!("{name}.md")), table)?;
    std::fs::write(folder.join(format!("{name}.line")), format!("{line}\n"))
}
