//! Whether anybody is there to answer: the operators of a site who are connected.

use std::time::{Duration, Instant};

use faults::proxy::Edge;
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::{Chain, Operator, Person, Poller, Shape, Socket, System, system_test};
use test_support::wait::wait_until;

/// The next word of an operator.
async fn told_of(socket: &mut Socket, operator: &Operator) -> Value {
    loop {
        let frame = socket.operator_state().await;
        if frame["data"]["user_id"] == operator.id {
            return frame;
        }
    }
}

async fn says(operator: &Operator, availability: &str, by_hand: bool) -> Value {
    let body = json!({"availability": availability, "by_hand": by_hand});
    operator.rest().call(Method::PUT, "/operators/me/availability", Some(&operator.token), Some(body)).await.good()
}

/// What the list says of an operator.
async fn listed(system: &System, asker: &Operator, operator: &Operator) -> Value {
    let list = system.rest().get("/operators", &asker.token).await.good();
    let operators = list["operators"].as_array().expect("a list");
    operators.iter().find(|listed| listed["user_id"] == operator.id).cloned().unwrap_or_default()
}

async fn is_online(system: &System) -> bool {
    let site = system.rest().call(Method::GET, "/chat/sites/default", None, None).await.good();
    site["is_online"].as_bool().expect("a bool")
}

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

    async fn others_hear_whether_an_operator_takes_sessions(system: System) {
        let (olga, oscar) = (system.operator("Olga").await, system.operator("Oscar").await);
        let mut other = oscar.socket(system.gateway(1)).await;
        other.connected().await;
        told_of(&mut other, &oscar).await;
        assert_eq!(listed(&system, &oscar, &olga).await["availability"], "off");
        let (mut desk, began) = (olga.socket(system.gateway(0)).await, Instant::now());
        desk.connected().await;
        let came = told_of(&mut other, &olga).await;
        assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
        let told = json!({"user_id": olga.id, "name": "Olga", "availability": "online", "by_hand": false, "since": came["data"]["since"]});
        assert_eq!(came, json!({"type": "operator.state", "data": told}));
        let here = listed(&system, &oscar, &olga).await;
        assert_eq!((&here["availability"], &here["since"], &here["sites"]), (&json!("online"), &told["since"], &Value::Null));
        assert!(here["last_seen_at"].is_string() && here["role"] == "operator", "{here}");

        // By its console, and back again; by hand, and its console does not call it back.
        assert_eq!(says(&olga, "away", false).await["availability"], "away");
        assert_eq!(told_of(&mut other, &olga).await["data"]["availability"], "away");
        assert_eq!(says(&olga, "online", false).await["availability"], "online");
        assert_eq!(told_of(&mut other, &olga).await["data"]["availability"], "online");
        let began = Instant::now();
        says(&olga, "away", true).await;
        let away = told_of(&mut other, &olga).await;
        assert!(began.elapsed() < Duration::from_secs(2), "at once: {:?}", began.elapsed());
        assert_eq!((&away["data"]["availability"], &away["data"]["by_hand"]), (&json!("away"), &json!(true)));
        let kept = says(&olga, "online", false).await;
        assert_eq!((&kept["availability"], &kept["by_hand"]), (&json!("away"), &json!(true)));
        // It outlasts its connections.
        desk.close().await;
        let gone = told_of(&mut other, &olga).await;
        assert_eq!(gone["data"]["availability"], "off");
        assert_eq!(says(&olga, "online", false).await["availability"], "off", "nobody holds it");
        let mut desk = olga.socket(system.gateway(1)).await;
        desk.connected().await;
        let back = told_of(&mut other, &olga).await;
        assert_eq!((&back["data"]["availability"], &back["data"]["by_hand"]), (&json!("away"), &json!(true)));
        assert_eq!(says(&olga, "online", true).await["availability"], "online");
        assert_eq!(told_of(&mut other, &olga).await["data"]["availability"], "online");
    }

    async fn who_is_away_is_not_there_for_visitors_and_comes_back_as_it_went_by_hand_alone(system: System) {
        let olga = system.operator("Olga").await;
        let mut desk = olga.socket(system.gateway(0)).await;
        desk.connected().await;
        wait_until("Olga to be online", async || is_online(&system).await.then_some(())).await;
        says(&olga, "away", false).await;
        assert!(!is_online(&system).await);
        desk.close().await;
        let accounts = system.accounts();
        are_here(&accounts, "default", &[]).await;
        wait_until("its leave", async || {
            (listed(&system, &olga, &olga).await["availability"] == "off").then_some(())
        })
        .await;
        let mut desk = olga.socket(system.gateway(1)).await;
        desk.connected().await;
        are_here(&accounts, "default", &["Olga"]).await;
        assert!(is_online(&system).await, "its console had called it away, and is another now");
    }

    async fn operators_hear_of_those_they_share_a_site_with(system: System) {
        let accounts = system.accounts();
        accounts.add_site("shop").await;
        accounts.add_site("blog").await;
        let (all, shop, blog) = (system.operator("Ada").await, system.operator_of("Sue", &["shop"]).await, system.operator_of("Bea", &["blog"]).await);
        let mut sockets = [all.socket(system.gateway(0)).await, shop.socket(system.gateway(0)).await, blog.socket(system.gateway(1)).await];
        for (socket, own) in sockets.iter_mut().zip([&all, &shop, &blog]) {
            socket.connected().await;
            told_of(socket, own).await;
        }
        says(&shop, "away", true).await;
        says(&blog, "away", true).await;
        says(&all, "away", true).await;
        let [of_all, of_shop, of_blog] = &mut sockets;
        for (socket, heard) in [(of_all, vec![shop.id, blog.id, all.id]), (of_shop, vec![shop.id, all.id]), (of_blog, vec![blog.id, all.id])] {
            let mut told = Vec::new();
            while told.last() != Some(&all.id) {
                let frame = socket.operator_state().await;
                if frame["data"]["availability"] == "away" {
                    told.push(frame["data"]["user_id"].as_i64().expect("an id"));
                }
            }
            assert_eq!(told, heard);
        }
        assert_eq!(listed(&system, &shop, &blog).await, Value::Null);
        assert_eq!(listed(&system, &shop, &all).await["availability"], "away");
        let visitor = system.visitor("Ann").await;
        system.rest().get("/operators", &visitor.token).await.refused(403, "forbidden");
        let user = system.user("Uma").await;
        system.rest().get("/operators", &user.token).await.refused(403, "forbidden");
        for bad in [json!({"availability": "off", "by_hand": true}), json!({"availability": "away"})] {
            let refused = all.rest().call(Method::PUT, "/operators/me/availability", Some(&all.token), Some(bad)).await;
            refused.refused(422, "invalid");
        }
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
    // What nobody was told of would be nothing new when it is over.
    while told_of(&mut sockets[0], &oscar).await["data"]["availability"] != "online" {}
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
    while told_of(&mut sockets[0], &oscar).await["data"]["availability"] != "off" {}
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
