//! Where sockets and streams are opened.

/// A gateway, or what stands before it.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// `127.0.0.1:<port>`.
    pub authority: String,
}

impl Gateway {
    /// An HTTP URL there.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.authority)
    }

    /// A counter at `/metrics`, by its name and labels; 0 until it has counted.
    pub async fn counted(&self, series: &str) -> u64 {
        let text = reqwest::get(self.url("/metrics")).await.expect("an answer").text().await.expect("text");
        let count = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        count.map_or(0, |count| count.parse().expect("a number"))
    }
}
