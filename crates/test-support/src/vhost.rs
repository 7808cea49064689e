//! A fresh RabbitMQ virtual host for one test, by way of the management API.

use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::{http, names, servers, wait};

/// A virtual host of one test. Deleted with it.
#[derive(Debug)]
pub struct Vhost {
    name: String,
    url: String,
}

/// A new virtual host on `TEST_AMQP_URL`, with all rights for the user of that URL.
pub async fn fresh_vhost() -> Vhost {
    let mut url = Url::parse(&servers::variable("TEST_AMQP_URL")).expect("TEST_AMQP_URL is a URL");
    let user = if url.username().is_empty() { "guest" } else { url.username() }.to_owned();
    sweep().await;
    let name = names::fresh();
    ask(Method::PUT, &format!("vhosts/{name}"), Some(json!({}))).await;
    let all = json!({"configure": ".*", "write": ".*", "read": ".*"});
    ask(Method::PUT, &format!("permissions/{name}/{user}"), Some(all)).await;
    url.set_path(&name);
    Vhost { name, url: url.into() }
}

impl Vhost {
    /// The AMQP URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its queues, as the management API tells of them.
    pub async fn queues(&self) -> Vec<Value> {
        list(&format!("queues/{}", self.name)).await
    }

    /// Closes every connection to it that the management API knows by now, as an administrator would, and says how
    /// many there were.
    pub async fn close_connections(&self) -> usize {
        let connections = list(&format!("vhosts/{}/connections", self.name)).await;
        for connection in &connections {
            let name = connection["name"].as_str().expect("a connection's name");
            // It may have gone by itself.
            request(Method::DELETE, &["connections", name], None).await.expect("RabbitMQ's management API answers");
        }
        connections.len()
    }
}

impl Drop for Vhost {
    fn drop(&mut self) {
        let name = self.name.clone();
        wait::finish(async move {
            let _swept_later = request(Method::DELETE, &["vhosts", &name], None).await;
        });
    }
}

async fn list(path: &str) -> Vec<Value> {
    match ask(Method::GET, path, None).await {
        Value::Array(items) => items,
        other => panic!("{path} is no list: {other}"),
    }
}

async fn ask(method: Method, path: &str, body: Option<Value>) -> Value {
    let parts: Vec<&str> = path.split('/').collect();
    let answer = request(method, &parts, body).await.expect("RabbitMQ's management API answers");
    let answer = answer.error_for_status().unwrap_or_else(|why| panic!("{path}: {why}", why = why.without_url()));
    serde_json::from_str(&answer.text().await.expect("an answer")).unwrap_or_default()
}

async fn request(method: Method, path: &[&str], body: Option<Value>) -> reqwest::Result<reqwest::Response> {
    let mut url = Url::parse(&servers::variable("TEST_AMQP_ADMIN_URL")).expect("TEST_AMQP_ADMIN_URL is a URL");
    url.path_segments_mut().expect("an HTTP URL").pop_if_empty().push("api").extend(path);
    let request = http::client().request(method, url);
    match body {
        Some(body) => request.json(&body).send().await,
        None => request.send().await,
    }
}

/// Deletes the virtual hosts of tests that were killed.
async fn sweep() {
    for vhost in list("vhosts").await {
        let name = vhost["name"].as_str().unwrap_or_default();
        if names::is_left_behind(name) {
            let _deleted_by_another = request(Method::DELETE, &["vhosts", name], None).await;
        }
    }
}
