//! Who takes part: visitors, staff and users of group chats; who writes, who comes and goes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use rand::Rng;
use rand::seq::IndexedRandom;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clients::account::{Account, Login};
use crate::clients::client::{Client, Command, Setting};
use crate::clients::rest::{Ask, Rest};
use crate::clients::talker::{Chats, Talker};
use crate::cluster::{Administration, Cluster};
use crate::crowd;
use crate::grants::GrantChange;
use crate::record::{At, MemberChange, Transport, Who};
use crate::recorder::{Recorder, Viewer};
use crate::truth::Source;

const VISITORS: usize = 8;
const STAFF: usize = 4;
/// The last of the staff work in sites alone, one over each transport: always in the first, in the other now and then.
const NARROWED: usize = 2;
const SITES: [&str; 2] = ["default", "shop"];
const USERS: usize = 6;
const GROUPS: usize = 3;
/// Visitors who come while the run goes on: sessions that staff never saw.
const ARRIVALS_MAX: usize = 60;
const ARRIVAL_EVERY: Duration = Duration::from_millis(1500);
const MESSAGES_OF_AN_ARRIVAL: usize = 10;
const PAUSE_OF_AN_ARRIVAL: Duration = Duration::from_millis(700);
const GRANT_CHANGE_EVERY: Duration = Duration::from_secs(7);
const MEMBER_CHANGE_EVERY: Duration = Duration::from_secs(4);
const STATE_CHANGE_EVERY: Duration = Duration::from_millis(1500);
/// What was begun is done within this time once all is well.
const ERRANDS_PATIENCE: Duration = Duration::from_secs(30);
const RETRY_AFTER: Duration = Duration::from_millis(200);
const PASSWORD: &str = "correct horse battery";
const BOTH: [Transport; 2] = [Transport::WebSocket, Transport::EventStream];

/// A client that faults can be done to.
#[derive(Clone)]
pub struct Listener {
    /// As the report calls it.
    pub name: String,
    /// Whose it is.
    pub who: Who,
    /// How it listens.
    pub transport: Transport,
    /// Its place in the record.
    pub viewer: Viewer,
    /// Its address.
    pub from: IpAddr,
    /// What commands it.
    pub commands: mpsc::UnboundedSender<Command>,
}

/// Everybody.
#[derive(Clone)]
pub struct Load {
    recorder: Recorder,
    rest: Rest,
    gateways: Vec<SocketAddr>,
    logs: PathBuf,
    is_over: Arc<AtomicBool>,
    listeners: Arc<Mutex<Vec<Listener>>>,
    sessions: Chats,
    /// Those of the first site.
    sessions_of_first_site: Chats,
    staff: Arc<Mutex<Vec<Talker>>>,
    users: Arc<Mutex<Vec<Talker>>>,
    /// What has to be finished before the end.
    errands: Arc<Mutex<JoinSet<()>>>,
}

impl Load {
    /// Nobody yet.
    #[must_use]
    pub fn new(cluster: &Cluster, recorder: Recorder, logs: PathBuf) -> Self {
        let bases = cluster.doors("chat-service").iter().map(|door| format!("http://{door}")).collect();
        Self {
            recorder,
            rest: Rest::new(bases),
            gateways: cluster.doors("channel-gateway"),
            logs,
            is_over: Arc::default(),
            listeners: Arc::default(),
            sessions: Chats::default(),
            sessions_of_first_site: Chats::default(),
            staff: Arc::default(),
            users: Arc::default(),
            errands: Arc::default(),
        }
    }

    /// Everybody comes in and begins to write, together about `rate` messages a second.
    pub async fn begin(&self, cluster: &Cluster, rate: f64) -> anyhow::Result<()> {
        let each = |people: usize| Duration::from_secs_f64(3.0 * count(people) / rate);
        let administration = cluster.administration();
        administration.add_site(SITES[1]).await?;
        for number in 0..STAFF {
            let (account, talker) = self.operator(&administration, number).await?;
            lock(&self.staff).push(talker.clone());
            let chats = talker.chats.clone();
            tokio::spawn(talker.talk(each(STAFF), usize::MAX));
            lock(&self.errands).spawn(self.clone().change_states(account, chats));
        }
        self.begin_groups(cluster, &administration, each(USERS)).await?;
        for number in 0..VISITORS {
            let talker = self.visitor(number, true).await?;
            tokio::spawn(talker.talk(each(VISITORS), usize::MAX));
        }
        lock(&self.errands).spawn(self.clone().arrivals());
        Ok(())
    }

    /// Nobody begins a new message, comes or goes. Waits until what had been begun is done.
    pub async fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        let errands = std::mem::take(&mut *lock(&self.errands));
        let _all = timeout(ERRANDS_PATIENCE, errands.join_all()).await;
    }

    /// The site of browsers.
    #[must_use]
    pub fn first_site() -> &'static str {
        SITES[0]
    }

    /// Staff answers in a session that a browser has opened there.
    pub fn answer(&self, session: i64) {
        self.recorder.opened(session, SITES[0]);
        lock(&self.sessions).push(session);
        lock(&self.sessions_of_first_site).push(session);
    }

    /// All sessions that there are. Some may have been opened for somebody whom no answer reached, and who asked again.
    pub fn note_sessions(&self, sessions: &[(i64, String)]) {
        for (session, key) in sessions {
            if let Some(site) = SITES.into_iter().find(|site| site == key) {
                self.recorder.opened(*session, site);
            }
        }
    }

    /// Asks both chat-services.
    #[must_use]
    pub fn rest(&self) -> Rest {
        self.rest.clone()
    }

    /// Everybody who listens.
    #[must_use]
    pub fn listeners(&self) -> Vec<Listener> {
        lock(&self.listeners).clone()
    }

    /// Writes so much to a client that one that does not read is felt.
    pub async fn flood(&self, listener: &Listener, messages: usize, length: usize) {
        let (talkers, chat) = match listener.who {
            Who::Visitor { session } => (&self.staff, Some(session)),
            Who::Staff { .. } => (&self.staff, lock(&self.sessions).first().copied()),
            Who::User { .. } => (&self.users, None),
        };
        let talker = lock(talkers).first().cloned();
        let Some(talker) = talker else { return };
        // In the last group everybody stays.
        let own = || lock(&talker.chats).last().copied();
        let Some(chat) = chat.or_else(own) else { return };
        talker.flood(chat, messages, length).await;
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    // --- who comes in --------------------------------------------------------------------------------------

    /// Starts a client; who writes over its socket, if it has one.
    fn listen(
        &self,
        name: &str,
        account: &Arc<Account>,
        transport: Transport,
    ) -> Option<mpsc::UnboundedSender<Command>> {
        let viewer = self.recorder.enter(name, account.who, transport);
        let mut listeners = lock(&self.listeners);
        // Each client has an address of its own, by which the proxies know it.
        let [high, low] = u16::try_from(listeners.len() + 1).unwrap_or(u16::MAX).to_be_bytes();
        let from = IpAddr::V4(Ipv4Addr::new(127, 1, high, low));
        let setting = Setting {
            account: account.clone(),
            transport,
            viewer,
            from,
            gateways: self.gateways.clone(),
            rest: self.rest.clone(),
            recorder: self.recorder.clone(),
            name: name.to_owned(),
            logs: self.logs.clone(),
        };
        let (client, commands) = Client::new(setting);
        tokio::spawn(client.run());
        listeners.push(Listener {
            name: name.to_owned(),
            who: account.who,
            transport,
            viewer,
            from,
            commands: commands.clone(),
        });
        (transport == Transport::WebSocket).then_some(commands)
    }

    fn talker(&self, account: &Arc<Account>, chats: Chats, socket: Option<mpsc::UnboundedSender<Command>>) -> Talker {
        let shared = (self.rest.clone(), self.recorder.clone());
        Talker::new(account.clone(), chats, socket, shared, self.is_over.clone())
    }

    async fn visitor(&self, number: usize, is_answered: bool) -> anyhow::Result<Talker> {
        let name = format!("visitor-{number}");
        let site = SITES[number % SITES.len()];
        let (session, token) = self.rest.open_session(&name, site).await?;
        self.recorder.opened(session, site);
        let account = Arc::new(Account::new(Who::Visitor { session }, token, None));
        let socket = self.listen(&name, &account, BOTH[number / 2 % 2]);
        if is_answered {
            lock(&self.sessions).push(session);
        }
        if is_answered && site == SITES[0] {
            lock(&self.sessions_of_first_site).push(session);
        }
        Ok(self.talker(&account, Arc::new(Mutex::new(vec![session])), socket))
    }

    async fn operator(&self, administration: &Administration, number: usize) -> anyhow::Result<(Arc<Account>, Talker)> {
        let name = format!("staff-{number}");
        let is_narrowed = number + NARROWED >= STAFF;
        let user = match is_narrowed {
            false => self.add_account(administration, &name, "operator").await?,
            true => administration.add_operator_of(&SITES, &address(&name), &name, PASSWORD).await?,
        };
        let mut sessions = self.sessions.clone();
        if is_narrowed {
            for site in SITES {
                self.granted(user, site, true, At::ZERO);
            }
            sessions = self.sessions_of_first_site.clone();
            lock(&self.errands).spawn(self.clone().change_grants(administration.clone(), user, address(&name)));
        }
        let account = self.log_in(Who::Staff { user }, &name).await?;
        let socket = self.listen(&name, &account, BOTH[number % 2]);
        let talker = self.talker(&account, sessions, socket);
        Ok((account, talker))
    }

    fn granted(&self, user: i64, site: &'static str, is_in: bool, asked_at: At) {
        let done_at = self.recorder.now();
        self.recorder.grant_changed(GrantChange { user, site, is_in, asked_at, done_at });
    }

    /// An operator loses its second site and gets it back, again and again.
    async fn change_grants(self, administration: Administration, user: i64, email: String) {
        let (site, mut is_in) = (SITES[1], false);
        loop {
            sleep(GRANT_CHANGE_EVERY).await;
            if self.is_over() {
                return;
            }
            let asked_at = self.recorder.now();
            // While PostgreSQL is away it is tried again; the second of two that were done changes nothing.
            while administration.set_grant(&email, site, is_in).await.is_err() {
                sleep(RETRY_AFTER).await;
            }
            self.granted(user, site, is_in, asked_at);
            is_in = !is_in;
        }
    }

    async fn add_account(&self, administration: &Administration, name: &str, role: &str) -> anyhow::Result<i64> {
        administration.add_user(&address(name), name, role, PASSWORD).await
    }

    async fn log_in(&self, who: Who, name: &str) -> anyhow::Result<Arc<Account>> {
        let login = Login { email: address(name), password: PASSWORD.to_owned() };
        let token = self.rest.log_in(&login.email, &login.password).await?;
        Ok(Arc::new(Account::new(who, token, Some(login))))
    }

    // --- group chats ---------------------------------------------------------------------------------------

    /// Users in groups, and two guests who come into the first group and go again.
    async fn begin_groups(
        &self,
        cluster: &Cluster,
        administration: &Administration,
        every: Duration,
    ) -> anyhow::Result<()> {
        let mut users = Vec::new();
        for number in 0..USERS + BOTH.len() {
            let name = user_name(number);
            users.push((self.add_account(administration, &name, "user").await?, name));
        }
        let (regular, guests) = users.split_at(USERS);
        // One over each transport.
        let many = [users[0].0, users[1].0];
        crowd::bring_into(cluster.database_url(), &many).await?;
        let mut groups = Vec::new();
        for number in 0..GROUPS {
            // The last group is the one in which everybody stays.
            let members = if number + 1 == GROUPS { &users[..] } else { regular };
            groups.push(self.create_group(administration, number, members).await?);
        }
        for (number, (user, name)) in users.iter().enumerate() {
            let account = self.log_in(Who::User { user: *user }, name).await?;
            let socket = self.listen(name, &account, BOTH[number % 2]);
            let chats = if number < USERS { groups.clone() } else { groups[GROUPS - 1..].to_vec() };
            let talker = self.talker(&account, Arc::new(Mutex::new(chats)), socket);
            lock(&self.users).push(talker.clone());
            tokio::spawn(talker.talk(every, usize::MAX));
        }
        for (number, (user, _)) in guests.iter().enumerate() {
            let coming = self.clone().come_and_go(
                administration.clone(),
                Source::connect(cluster.database_url()).await?,
                cluster.database_url().to_owned(),
                // One in each group: else two changes could not be told apart.
                (groups[number % GROUPS], *user),
            );
            lock(&self.errands).spawn(coming);
        }
        Ok(())
    }

    async fn create_group(
        &self,
        administration: &Administration,
        number: usize,
        members: &[(i64, String)],
    ) -> anyhow::Result<i64> {
        let ids: Vec<i64> = members.iter().map(|(id, _)| *id).collect();
        let chat = administration.create_group(&format!("group-{number}"), &ids).await?;
        for user in ids {
            self.recorder.member_changed(MemberChange { chat, user, seq: 0, is_in: true, asked_at: At::ZERO });
        }
        Ok(chat)
    }

    /// A guest is brought into a group and taken out, again and again.
    async fn come_and_go(
        self,
        administration: Administration,
        mut source: Source,
        database_url: String,
        (chat, user): (i64, i64),
    ) {
        let mut is_in = true;
        while !self.is_over() {
            let asked_at = self.recorder.now();
            // While PostgreSQL is away it is tried again; the second of two that were done changes nothing.
            while administration.set_member(chat, user, is_in).await.is_err() {
                sleep(RETRY_AFTER).await;
            }
            let seq = loop {
                match source.state_seq(chat).await {
                    Ok(seq) => break seq,
                    Err(_) => sleep(RETRY_AFTER).await,
                }
                if let Ok(anew) = Source::connect(&database_url).await {
                    source = anew;
                }
            };
            self.recorder.member_changed(MemberChange { chat, user, seq, is_in, asked_at });
            is_in = !is_in;
            sleep(MEMBER_CHANGE_EVERY).await;
        }
    }

    // --- what else goes on ---------------------------------------------------------------------------------

    /// New visitors come, write a little, and stay to listen.
    async fn arrivals(self) {
        for number in VISITORS..VISITORS + ARRIVALS_MAX {
            sleep(ARRIVAL_EVERY).await;
            if self.is_over() {
                return;
            }
            // Every other one writes once, and nobody answers: nothing later tells staff of that session.
            let is_answered = number % 2 == 0;
            if let Ok(talker) = self.visitor(number, is_answered).await {
                let messages = if is_answered { MESSAGES_OF_AN_ARRIVAL } else { 1 };
                tokio::spawn(talker.talk(PAUSE_OF_AN_ARRIVAL, messages));
            }
        }
    }

    /// An operator changes where sessions stand.
    async fn change_states(self, account: Arc<Account>, sessions: Chats) {
        loop {
            sleep(STATE_CHANGE_EVERY.mul_f64(count(STAFF))).await;
            if self.is_over() {
                return;
            }
            let session = lock(&sessions).choose(&mut rand::rng()).copied();
            let Some(session) = session else { continue };
            let status = if rand::rng().random() { "pending" } else { "open" };
            let path = format!("/chat/session/{session}/status");
            let ask = Ask::post(&path, &account.token(), json!({"status": status}));
            let _as_it_is_by_then = self.rest.ask_until_answered(&ask, || {}).await;
        }
    }
}

/// Waits until every client that came in is connected.
pub async fn all_connected(recorder: &Recorder, patience: Duration) -> anyhow::Result<()> {
    let deadline = recorder.now() + patience;
    loop {
        let missing = recorder.look(|records| {
            let missing = records.clients.iter().find(|client| client.connections == 0);
            missing.map(|client| client.name.clone())
        });
        match missing {
            None => return Ok(()),
            Some(name) if recorder.now() > deadline => return Err(anyhow::anyhow!(name)).context("never connected"),
            Some(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

fn user_name(number: usize) -> String {
    match number.checked_sub(USERS) {
        None => format!("user-{number}"),
        Some(guest) => format!("guest-{guest}"),
    }
}

fn address(name: &str) -> String {
    format!("{name}@example.com")
}

fn count(people: usize) -> f64 {
    f64::from(u32::try_from(people).unwrap_or(u32::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
