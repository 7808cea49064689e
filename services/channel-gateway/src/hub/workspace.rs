//! Changes of the workspace: each connection is told of the kinds that are for it.

use chat_events::WorkspaceVersion;
use chat_events::frame::ServerFrame;
use chat_events::workspace::{WorkspaceKind, WorkspaceNews};

use super::{Hub, lock};
use crate::connection::Connection;

impl Hub {
    /// Tells all who are connected.
    pub fn tell_of_workspace(&self, news: &WorkspaceNews) {
        // Known before anybody is told: a connection that is just opening looks at it last.
        *lock(&self.workspace) = news.clone();
        let is_news = |connection: &Connection| connection.own().is_some_and(|own| own.workspace < Some(news.version));
        self.accounts().iter().filter(|connection| is_news(connection)).for_each(|connection| tell(connection, news));
    }

    /// Tells a connection that has just been told of a version, where that is an older one.
    pub fn tell_of_workspace_since(&self, connection: &Connection, told: WorkspaceVersion) {
        let version = lock(&self.workspace).version;
        if version > told {
            // Which kinds changed since then is not known here.
            tell(connection, &WorkspaceNews { kinds: vec![WorkspaceKind::Users, WorkspaceKind::Sites], version });
        }
    }
}

fn tell(connection: &Connection, news: &WorkspaceNews) {
    let told = connection.principal().and_then(|principal| news.told_to(&principal));
    if let Some(data) = told {
        connection.tell(&ServerFrame::WorkspaceChanged { data });
    }
}
