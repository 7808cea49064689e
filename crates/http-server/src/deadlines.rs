//! One thread that looks at all HTTP connections: no timer for each, and none of them is forgotten in any state.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::connections::Connections;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Looks for as long as there are connections.
pub(crate) fn watch(connections: &Arc<Connections>) {
    let connections = Arc::downgrade(connections);
    let watching = thread::Builder::new().name("http-deadlines".to_owned()).spawn(move || look(&connections));
    if let Err(error) = watching {
        // Without it connections would wait for ever: the next request shows that the process is not well.
        tracing::error!(%error, "no thread for deadlines");
    }
}

fn look(connections: &Weak<Connections>) {
    while let Some(connections) = connections.upgrade() {
        let now = Instant::now();
        for connection in connections.served() {
            if let Some(cut) = connection.overdue(now) {
                connection.cut(cut);
            }
        }
        connections.relieve(now);
        drop(connections);
        thread::sleep(LOOK_EVERY);
    }
}
