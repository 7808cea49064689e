//! A process is watched through its log, and never outlives its test.

use std::path::PathBuf;

use test_support::{Process, Program, wait_until};

const SERVICE: &str = r#"
    trap 'echo stopping; exit 3' TERM
    echo '{"level":"INFO","message":"listening","addr":"127.0.0.1:4711"}'
    while :; do sleep 0.02; done
"#;

fn shell(script: &str) -> Program {
    Program::at("shell", PathBuf::from("/bin/sh")).arg("-c").arg(script)
}

async fn started() -> Process {
    let mut process = shell(SERVICE).start();
    assert_eq!(process.addr().await.port(), 4711);
    process
}

fn state_of(process: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[tokio::test]
async fn it_is_stopped_as_an_administrator_would() {
    let mut process = started().await;
    process.terminate();
    assert_eq!(process.ended().await.code(), Some(3));
    wait_until("the last line", async || process.log().contains(&"stopping".to_owned()).then_some(())).await;
}

#[tokio::test]
async fn it_is_frozen_and_goes_on() {
    let process = started().await;
    process.freeze();
    wait_until("it to stand still", async || (state_of(process.id()) == Some('T')).then_some(())).await;
    process.thaw();
    wait_until("it to go on", async || (state_of(process.id()) != Some('T')).then_some(())).await;
}

#[tokio::test]
async fn it_is_killed_and_gone() {
    let mut process = started().await;
    process.kill();
    assert_eq!(state_of(process.id()), None);
    let process = started().await;
    let id = process.id();
    drop(process);
    assert_eq!(state_of(id), None);
}

#[tokio::test]
async fn it_sees_only_the_environment_that_it_is_given() {
    let printed = shell("read line; echo \"$line $GIVEN $TEST_DATABASE_URL.\"").env("GIVEN", "b").run("a\n");
    assert_eq!(printed, "a b .\n");
}

#[tokio::test]
#[should_panic(expected = "shell ended before it listened")]
async fn one_that_ends_at_once_is_told() {
    shell("exit 1").start().addr().await;
}
