//! Proxies between people and gateways: our own front, as `make up` and docker-compose.yml run it, and those that others put
//! before it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::wait::wait_until;
use test_support::{Process, Program};
use tokio::net::TcpStream;

use crate::Gateway;

/// Our configuration.
const OURS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/nginx");

const RUNBOOK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/infra/runbook.md"));

/// A running proxy.
#[derive(Debug)]
pub struct Front {
    process: Process,
    /// Where it is, as a client sees it.
    pub address: Gateway,
    _folder: TempDir,
}

impl Front {
    /// nginx with our own files.
    pub async fn ours(gateways: &[Gateway], chat_services: &[Gateway]) -> Self {
        let servers = |all: &[Gateway]| -> String {
            all.iter().map(|it| format!("server {} max_fails=1 fail_timeout=1s;", it.authority)).collect()
        };
        let http = format!(
            "include {OURS}/http.conf;
             upstream gateways {{ {} keepalive 16; }}
             upstream chat_services {{ {} keepalive 16; }}",
            servers(gateways),
            servers(chat_services)
        );
        Self::nginx(&http, &format!("include {OURS}/locations.conf;")).await
    }

    /// nginx with these directives in its `http` and `server`.
    pub async fn nginx(http: &str, server: &str) -> Self {
        let (folder, address) = (TempDir::new().expect("a temporary folder"), free_address());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {}/{name};", folder.path().display()))
            .collect();
        // One process, so that none is left behind.
        let text = format!(
            "pid {}/nginx.pid; error_log stderr error; daemon off; master_process off;
             events {{ worker_connections 1024; }}
             http {{ {temporary} access_log off; {http}
                 server {{ listen {}; {server} }}
             }}",
            folder.path().display(),
            address.authority
        );
        let file = write(&folder, "nginx.conf", &text);
        let program = Program::at("nginx", installed("nginx")).arg("-e").arg("stderr");
        let program = program.arg("-p").arg(folder.path().to_string_lossy()).arg("-c").arg(file.to_string_lossy());
        Self::start(program, address, folder).await
    }

    /// nginx before another address, which it serves under `/chat-app/`, as docs/infra/runbook.md has it.
    pub async fn under_a_prefix(before: &Gateway) -> Self {
        let (_, after) = RUNBOOK.split_once("```nginx\n").expect("the runbook has a snippet");
        let (snippet, _) = after.split_once("```").expect("it ends");
        let snippet = snippet.replace("127.0.0.1:8090", &before.authority);
        Self::nginx("map $http_upgrade $connection_upgrade { default upgrade; '' ''; }", &snippet).await
    }

    /// HAProxy before another address, with these lines in its `defaults`.
    pub async fn haproxy(before: &Gateway, defaults: &str) -> Self {
        let (folder, address) = (TempDir::new().expect("a temporary folder"), free_address());
        let text = format!(
            "defaults\n  mode http\n  timeout connect 5s\n{defaults}\n\
             frontend front\n  bind {}\n  default_backend switchboard\n\
             backend switchboard\n  server front {}\n",
            address.authority, before.authority
        );
        let file = write(&folder, "haproxy.cfg", &text);
        let program = Program::at("haproxy", installed("haproxy")).arg("-db").arg("-f").arg(file.to_string_lossy());
        Self::start(program, address, folder).await
    }

    async fn start(program: Program, address: Gateway, folder: TempDir) -> Self {
        let process = program.start();
        let what = format!("{} to listen", process.name());
        wait_until(&what, async || TcpStream::connect(&address.authority).await.ok()).await;
        Self { process, address, _folder: folder }
    }

    /// Its process.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file in a temporary folder");
    path
}

/// Nobody listens there. Another process may take it first, but ports are given out in turn.
#[must_use]
pub fn free_address() -> Gateway {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    Gateway { authority: listener.local_addr().expect("an address").to_string() }
}

/// Where a program is that `make test` installs. Debian keeps some in /usr/sbin, which is not on every user's PATH.
#[must_use]
pub fn installed(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")]);
    let found = folders.map(|folder| folder.join(name)).find(|path: &PathBuf| Path::is_file(path));
    found.unwrap_or_else(|| {
        panic!("{name} is not installed: run the tests with `make test`, or `apt-get install {name}`")
    })
}
