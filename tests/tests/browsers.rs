//! What a page gets that leaves all to the browser: a plain EventSource, with no code for its errors, lives through restarts of
//! the gateways. Real Chromium, behind our own nginx.
//!
//! `make test` runs it short; `make browsers` with 20 tabs and 10 restarts. Every other restart is of one gateway, as a rolling
//! update does it; in between, once, both are away.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use system_tests::browser::{Browser, Tab};
use system_tests::{Front, Shape, System, Visitor};
use test_support::Process;
use test_support::process::wait_until_ready;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Between two messages to one tab.
const PAUSE: Duration = Duration::from_millis(500);
/// A browser comes back within 15 seconds; the machine may be busy.
const BACK_WITHIN: Duration = Duration::from_secs(90);

fn number(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

/// All that the page does.
fn page(stream_url: &str) -> String {
    format!(
        r#"(() => {{
            window.seen = [];
            window.closes = [];
            window.stream = new EventSource({});
            stream.onmessage = ({{ data }}) => {{
                const frame = JSON.parse(data);
                if (frame.type === "connected") window.hasCursor = true;
                if (frame.type === "chat.message") seen.push(frame.data.body);
                if (frame.type === "resync" || frame.type === "error") seen.push(data);
            }};
            stream.addEventListener("close", ({{ data }}) => closes.push(JSON.parse(data).code));
        }})()"#,
        json!(stream_url)
    )
}

struct Pages {
    browser: Browser,
    tabs: Vec<Tab>,
}

impl Pages {
    /// Each under a name of its own: a browser opens six connections to one at most.
    async fn open(port: &str, visitors: &[Visitor]) -> Self {
        let (mut browser, mut tabs) = (Browser::start().await, Vec::new());
        for (index, visitor) in visitors.iter().enumerate() {
            let tab = browser.open(&format!("http://tab-{index}.localhost:{port}/healthz")).await;
            browser.run(&tab, &page(&visitor.stream_url)).await;
            tabs.push(tab);
        }
        Self { browser, tabs }
    }

    async fn each(&mut self, script: &str) -> Vec<Value> {
        let mut told = Vec::new();
        for tab in &self.tabs {
            told.push(self.browser.run(tab, script).await);
        }
        told
    }

    /// Waits until that is true of each, unless its stream has ended for good.
    async fn until(&mut self, what: &str, script: &str) {
        let end = Instant::now() + BACK_WITHIN;
        loop {
            let told = self.each(&format!("({script}) || stream.readyState === 2")).await;
            if told.iter().all(|it| it == true) {
                return;
            }
            let count = told.iter().filter(|it| **it == true).count();
            assert!(Instant::now() < end, "waited in vain for {what}: {count} of {} tabs", told.len());
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn dead(&mut self) -> usize {
        self.each("stream.readyState").await.iter().filter(|state| **state == 2).count()
    }
}

/// Writes to a visitor until it is told to stop; what was written.
async fn write(visitor: &Visitor, stop: watch::Receiver<bool>) -> Vec<String> {
    let mut written = Vec::new();
    while !*stop.borrow() {
        let body = format!("message {}", written.len());
        visitor.send(&body).await;
        written.push(body);
        sleep(PAUSE).await;
    }
    written
}

async fn end(gateways: &mut [Process]) {
    gateways.iter().for_each(Process::terminate);
    join_all(gateways.iter_mut().map(Process::ended)).await;
}

async fn start_again(gateways: &mut [Process]) {
    for gateway in gateways {
        gateway.start_again().await;
        let address = gateway.addr().await;
        wait_until_ready(&format!("http://{address}/readyz")).await;
    }
}

async fn tabs_live_through(restarts: usize, tabs: usize) {
    let mut system = System::start(Shape::Distributed).await;
    let front = system.front().await;
    let names: Vec<String> = (0..tabs).map(|index| format!("Tab {index}")).collect();
    let visitors = join_all(names.iter().map(|name| system.visitor(name))).await;
    let mut gateways = system.take_processes("channel-gateway");
    let port = front.address.authority.rsplit(':').next().expect("a port").to_owned();
    let mut pages = Pages::open(&port, &visitors).await;
    // Before that frame a stream has no cursor to come back with: its page would read the history by REST.
    pages.until("all streams to have a cursor", "window.hasCursor === true").await;
    let (stop, stopped) = watch::channel(false);
    let writing = join_all(visitors.iter().map(|visitor| write(visitor, stopped.clone())));
    let restarting = async {
        let started = Instant::now();
        for round in 0..restarts {
            if round == restarts / 2 {
                end(&mut gateways).await;
                pages.until("our nginx to say that nobody serves", "closes.includes(4005)").await;
                start_again(&mut gateways).await;
            } else {
                let one = &mut gateways[round % 2..=round % 2];
                end(one).await;
                start_again(one).await;
            }
            eprintln!(
                "{:.0?}: restart {}: {} of {tabs} tabs are dead",
                started.elapsed(),
                round + 1,
                pages.dead().await
            );
        }
        stop.send_replace(true);
    };
    let (written, ()) = tokio::join!(writing, restarting);
    for (tab, written) in written.iter().enumerate() {
        let (tab, last) = (pages.tabs[tab].clone(), written.last().expect("a message").clone());
        let end = Instant::now() + BACK_WITHIN;
        while pages.browser.run(&tab, &format!("seen.includes({}) || stream.readyState === 2", json!(last))).await
            != true
        {
            if Instant::now() >= end {
                let tells = "JSON.stringify({state: stream.readyState, closes, seen: seen.length})";
                let told = pages.browser.run(&tab, tells).await;
                panic!("the last message did not come: {told}, {} were written", written.len());
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
    pages.until("all streams to be open", "stream.readyState === 1").await;
    let states = pages.each("stream.readyState").await;
    assert!(states.iter().all(|state| *state == 1), "dead for good: {states:?}");
    for (seen, written) in pages.each("seen").await.iter().zip(&written) {
        assert_eq!(*seen, json!(written));
    }
}

/// Waits until a script comes to true.
async fn until(browser: &mut Browser, tab: &Tab, script: &str) {
    let end = Instant::now() + BACK_WITHIN;
    while browser.run(tab, script).await != true {
        assert!(Instant::now() < end, "waited in vain for {script}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Pictures for people, where they are asked for.
async fn picture(browser: &mut Browser, tab: &Tab, name: &str) {
    let Some(folder) = std::env::var_os("BROWSER_PICTURES") else { return };
    for (width, height) in [(1280, 800), (390, 844)] {
        let taken = browser.picture(tab, (width, height)).await;
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, taken).expect("base64");
        let path = std::path::Path::new(&folder).join(format!("{name}-{width}.png"));
        std::fs::write(path, bytes).expect("a folder for pictures");
    }
}

#[tokio::test]
async fn the_demo_page_works_under_a_prefix_and_says_what_failed() {
    let mut system = System::start(Shape::Standalone).await;
    let front = system.front().await;
    let outer = Front::under_a_prefix(&front.address).await;
    let mut process = system.take_processes("standalone");
    let port = outer.address.authority.rsplit(':').next().expect("a port").to_owned();
    let mut browser = Browser::start().await;
    let tab = browser.open(&format!("http://localhost:{port}/chat-app/demo/")).await;
    until(&mut browser, &tab, "document.getElementById('page-trouble').hidden").await;
    let at = "const at = (id) => document.querySelector(`[data-testid=${id}]`);";
    let write = |body: &str| format!("{{ {at} at('body').value = {}; at('composer').requestSubmit(); }}", json!(body));
    browser
        .run(&tab, &format!("{{ {at} at('visitor-name').value = 'Ann'; at('visitor-start').requestSubmit(); }}"))
        .await;
    until(&mut browser, &tab, "document.getElementById('visitor-state').dataset.state === 'live'").await;
    browser.run(&tab, &write("Hello")).await;
    until(&mut browser, &tab, "Boolean(document.querySelector('[data-tick=sent]'))").await;
    let says = |words: &str| {
        format!(
            "(({{ hidden, textContent }}) => !hidden && textContent.includes({}))(document.getElementById('visitor-trouble'))",
            json!(words)
        )
    };

    end(&mut process).await;
    until(&mut browser, &tab, &says("No connection")).await;
    browser.run(&tab, &write("Is anybody there?")).await;
    until(&mut browser, &tab, &says("not sent yet")).await;
    let sign_in = "at('operator-email').value = 'olga@example.com'; at('operator-password').value = 'x';
        at('operator-login').requestSubmit();";
    browser.run(&tab, &format!("{{ {at} {sign_in} }}")).await;
    until(&mut browser, &tab, "document.getElementById('operator-problem').textContent !== ''").await;
    picture(&mut browser, &tab, "away").await;

    start_again(&mut process).await;
    until(&mut browser, &tab, "document.getElementById('visitor-trouble').hidden").await;
    until(&mut browser, &tab, "document.querySelectorAll('[data-tick=sent]').length === 2").await;
    picture(&mut browser, &tab, "back").await;
}

#[tokio::test]
async fn a_browsers_own_eventsource_lives_through_restarts_and_misses_nothing() {
    let (tabs, restarts) = (number("BROWSER_TABS", 3), number("BROWSER_RESTARTS", 3));
    let within = Duration::from_secs(120 + 60 * restarts as u64);
    timeout(within, tabs_live_through(restarts, tabs)).await.expect("it comes to an end");
}
