//! A real browser without a window: Chromium, driven by its DevTools protocol.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::wait::{in_time, wait_until};
use test_support::{Process, Program};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::front::installed;

/// A running browser. It ends with this.
#[derive(Debug)]
pub struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: u64,
    _process: Process,
    _folder: TempDir,
}

/// One of its tabs.
#[derive(Debug, Clone)]
pub struct Tab(String);

impl Browser {
    /// Starts one that knows nothing and calls nobody.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            // Tabs of one site are enough in few processes.
            "--renderer-process-limit=2",
            "--remote-debugging-port=0",
            "about:blank",
        ];
        let program = Program::at("chromium", installed("chromium"));
        let program = program.arg(format!("--user-data-dir={}", folder.path().display()));
        let process = arguments.iter().fold(program, |program, argument| program.arg(*argument)).start();
        let address = wait_until("chromium to listen", async || {
            let lines = process.log();
            lines.iter().find_map(|line| Some(line.strip_prefix("DevTools listening on ")?.to_owned()))
        })
        .await;
        let (socket, _) = in_time("chromium to answer", connect_async(address)).await.expect("a WebSocket");
        Self { socket, asked: 0, _process: process, _folder: folder }
    }

    /// Opens a page, and waits until it is there.
    pub async fn open(&mut self, url: &str) -> Tab {
        let target = self.ask("Target.createTarget", json!({"url": url}), None).await["targetId"].clone();
        let attached = self.ask("Target.attachToTarget", json!({"targetId": target, "flatten": true}), None).await;
        let tab = Tab(attached["sessionId"].as_str().expect("a session").to_owned());
        loop {
            let at = self.run(&tab, "document.readyState === 'complete' ? location.href : ''").await;
            if at == url {
                return tab;
            }
            assert_ne!(at, "chrome-error://chromewebdata/", "{url} cannot be opened");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }

    /// Runs a script in a tab, and gives back what it comes to.
    pub async fn run(&mut self, tab: &Tab, script: &str) -> Value {
        let what = json!({"expression": script, "returnByValue": true, "awaitPromise": true});
        let answer = self.ask("Runtime.evaluate", what, Some(tab)).await;
        assert!(answer["exceptionDetails"].is_null(), "{script}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// A picture of a tab in a window of that size, as PNG in base64.
    pub async fn picture(&mut self, tab: &Tab, (width, height): (u32, u32)) -> String {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.ask("Emulation.setDeviceMetricsOverride", size, Some(tab)).await;
        let taken = self.ask("Page.captureScreenshot", json!({"format": "png"}), Some(tab)).await;
        taken["data"].as_str().expect("a picture").to_owned()
    }

    async fn ask(&mut self, method: &str, parameters: Value, tab: Option<&Tab>) -> Value {
        self.asked += 1;
        let mut request = json!({"id": self.asked, "method": method, "params": parameters});
        if let Some(Tab(session)) = tab {
            request["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(request.to_string())).await.expect("the browser listens");
        loop {
            let message = in_time(method, self.socket.next()).await.expect("the browser is there").expect("a message");
            let Message::Text(text) = message else { continue };
            let answer: Value = serde_json::from_str(&text).expect("JSON");
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
        }
    }
}
