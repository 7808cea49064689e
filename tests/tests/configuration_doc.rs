//! docs/configuration.md says what the programs say: its tables are made from their `--help`.
//!
//! `UPDATE_DOCS=1 cargo test -p system-tests --test configuration_doc` writes them anew.

use std::fmt::Write;
use std::path::PathBuf;

use test_support::Program;

const BEGIN: &str = "<!-- settings: written by a test, see tests/tests/configuration_doc.rs -->";
const END: &str = "<!-- end of settings -->";
const SERVICES: [&str; 4] = ["standalone", "chat-service", "dispatcher", "channel-gateway"];

#[test]
fn the_configuration_page_says_what_the_programs_say() {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"));
    let page = std::fs::read_to_string(&path).expect("docs/configuration.md is there");
    let (before, rest) = page.split_once(BEGIN).expect("the page has a begin mark");
    let (_, after) = rest.split_once(END).expect("the page has an end mark");
    let written = format!("{before}{BEGIN}\n\n{}{END}{after}", tables());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return std::fs::write(&path, &written).expect("the page can be written");
    }
    assert!(page == written, "docs/configuration.md is not true: run this test with UPDATE_DOCS=1 and look at it");
}

fn tables() -> String {
    SERVICES.iter().fold(String::new(), |mut text, service| {
        write!(text, "### {service}\n\n| variable | default | meaning |\n| --- | --- | --- |\n").expect("text grows");
        for setting in settings(&Program::new(service).arg("--help").run("")) {
            let default = if setting.default.is_empty() { String::new() } else { format!("`{}`", setting.default) };
            writeln!(text, "| `{}` | {default} | {} |", setting.name, setting.meaning).expect("text grows");
        }
        text.push('\n');
        text
    })
}

#[derive(Default)]
struct Setting {
    name: String,
    default: String,
    meaning: String,
}

/// The options of clap's long help that a variable of the environment can set.
fn settings(help: &str) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for line in help.lines().map(str::trim) {
        if line.starts_with("--") || line.starts_with("-h") {
            settings.push(Setting::default());
        } else if let Some(setting) = settings.last_mut() {
            setting.take(line);
        }
    }
    settings.retain(|setting| !setting.name.is_empty());
    settings.sort_by(|one, other| one.name.cmp(&other.name));
    // Two parts of the standalone may read the same variable.
    settings.dedup_by(|one, other| one.name == other.name);
    settings
}

impl Setting {
    fn take(&mut self, line: &str) {
        let value = |prefix: &str| line.strip_prefix(prefix)?.strip_suffix(']').map(str::to_owned);
        if let Some(name) = value("[env: ") {
            self.name = name.split('=').next().unwrap_or_default().to_owned();
        } else if let Some(default) = value("[default: ") {
            self.default = default;
        } else if let Some(choice) = value("[possible values: ") {
            write!(self.meaning, ". One of {choice}").expect("text grows");
        } else if line == "Possible values:" {
            self.meaning.push('.');
        } else if let Some((choice, effect)) = line.strip_prefix("- ").and_then(|line| line.split_once(':')) {
            let gap = if self.meaning.ends_with('.') { "" } else { ";" };
            write!(self.meaning, "{gap} `{choice}`: {}", effect.trim()).expect("text grows");
        } else if !line.is_empty() {
            let gap = if self.meaning.is_empty() { "" } else { " " };
            write!(self.meaning, "{gap}{}", line.replace('|', "\\|")).expect("text grows");
        }
    }
}
