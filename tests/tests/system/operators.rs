//! Whether anybody is there to answer: the operators of a site who are connected.

use std::time::{Duration, Instant};

use faults::proxy::Edge;
use system_tests::{Chain, Person, Poller, Shape, System, system_test};
use test_support::wait::wait_until;

/// A lease is not longer than this.
const LEASE: &str = "60 seconds";

async fn are_here(accounts: &test_people::Accounts, site: &str, names: &[&str]) {
    let what = format!("{names:?} to be at {site}");
    wait_until(&what, async || (accounts.operators_here(site).await == names).then_some(())).await;
}

system_test! {
    async fn an_operator_is_here_as_long_as_one_of_its_connections(system: System) {
        let (olga, oscar) = (system.operator("Olga").await, system.operator("Oscar").await);
        let accounts = system.accounts();
        are_here(&accounts, "default", &[]).await;
        let mut desk = olga.socket(system.gateway(0)).await;
        desk.connected().await;
        let began = Instant::now();
        are_here(&accounts, "default", &["Olga"]).await;
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        let mut phone = olga.stream(system.gateway(1)).await;
        phone.connected().await;
        let mut other = oscar.socket(system.gateway(1)).await;
        other.connected().await;
        are_here(&accounts, "default", &["Olga", "Oscar"]).await;
        // As a user it is not there to answer.
        let ada = system.user("Ada").await;
        ada.socket(system.gateway(0)).await.connected().await;
        desk.close().await;
        other.close().await;
        are_here(&accounts, "default", &["Olga"]).await;
        drop(phone);
        let began = Instant::now();
        are_here(&accounts, "default", &[]).await;
        assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
    }

    async fn an_operator_is_here_for_its_sites_and_while_it_is_one(system: System) {
        let accounts = system.accounts();
        accounts.add_site("shop").await;
        let (olga, oscar) = (system.operator("Olga").await, system.operator_of("Oscar", &["shop"]).await);
        let mut sockets = [olga.socket(system.gateway(0)).await, oscar.socket(system.gateway(1)).await];
        for socket in &mut sockets {
            socket.connected().await;
        }
        are_here(&accounts, "shop", &["Olga", "Oscar"]).await;
        are_here(&accounts, "default", &["Olga"]).await;
        accounts.disable(&olga.email()).await;
        assert_eq!(accounts.operators_here("default").await, Vec::<String>::new(), "at once");
        accounts.ungrant(&oscar.email(), Some("shop")).await;
        assert_eq!(accounts.operators_here("shop").await, Vec::<String>::new(), "at once");
    }

    async fn an_operator_that_polls_is_here_between_its_polls_too(system: System) {
        let olga = system.operator("Olga").await;
        let accounts = system.accounts();
        let mut polls = [Poller::new(system.gateway(0), &olga.proof()), Poller::new(system.gateway(1), &olga.proof())];
        polls[0].poll(0.0).await;
        are_here(&accounts, "default", &["Olga"]).await;
        let began = Instant::now();
        for turn in 0.. {
            polls[turn % 2].poll(0.3).await;
            assert_eq!(accounts.operators_here("default").await, ["Olga"], "after {:?}", began.elapsed());
            if began.elapsed() > Duration::from_secs(7) {
                break;
            }
        }
        are_here(&accounts, "default", &[]).await;
    }
}

#[tokio::test]
async fn the_operators_of_a_killed_gateway_are_gone_when_their_minute_is_over() {
    let mut system = System::start(Shape::Distributed).await;
    let (olga, oscar) = (system.operator("Olga").await, system.operator("Oscar").await);
    let accounts = system.accounts();
    let mut sockets = [olga.socket(system.gateway(0)).await, olga.socket(system.gateway(1)).await];
    let mut other = oscar.socket(system.gateway(1)).await;
    for socket in sockets.iter_mut().chain([&mut other]) {
        socket.connected().await;
    }
    are_here(&accounts, "default", &["Olga", "Oscar"]).await;
    // None holds for longer, and all are as if they had been renewed a minute earlier.
    let earlier = format!("UPDATE operator_leases SET lease_until = lease_until - interval '{LEASE}'");
    let check = format!(
        "DO $$ BEGIN IF EXISTS (SELECT FROM operator_leases WHERE lease_until > now() + interval '{LEASE}')
         THEN RAISE 'a lease is too long'; END IF; END $$"
    );
    system.processes_mut().iter_mut().find(|process| process.name() == "channel-gateway 1").expect("it").kill();
    system.database.run_sql(&check).await;
    system.database.run_sql(&earlier).await;
    // The gateway that lives says so again within 20 s.
    are_here(&accounts, "default", &["Olga"]).await;
    drop(sockets);
    are_here(&accounts, "default", &[]).await;
}

async fn what_changed_while_postgresql_was_away_is_told_when_it_is_back(shape: Shape) {
    let chain = Chain::start(shape).await;
    let (olga, oscar) = (chain.operator("Olga").await, chain.operator("Oscar").await);
    let accounts = chain.accounts();
    let mut sockets = [olga.socket(chain.gateway()).await, oscar.socket(chain.gateway()).await];
    for socket in &mut sockets {
        socket.connected().await;
    }
    are_here(&accounts, "default", &["Olga", "Oscar"]).await;
    let postgres: &Edge = &chain.links.postgres;
    postgres.refuse(true);
    postgres.cut();
    let [mut leaves, mut stays] = sockets;
    leaves.close().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(accounts.operators_here("default").await, ["Olga", "Oscar"], "the last word counts");
    postgres.refuse(false);
    are_here(&accounts, "default", &["Oscar"]).await;
    assert!(stays.until_pong().await.is_empty());
}

#[tokio::test]
async fn what_changed_while_postgresql_was_away_is_told_when_it_is_back_standalone() {
    what_changed_while_postgresql_was_away_is_told_when_it_is_back(Shape::Standalone).await;
}

#[tokio::test]
async fn what_changed_while_postgresql_was_away_is_told_when_it_is_back_distributed() {
    what_changed_while_postgresql_was_away_is_told_when_it_is_back(Shape::Distributed).await;
}
