//! Pages of other addresses: which of them may use the channel, by the settings of their site.

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::{Operator, Rest, Socket, System, Visitor, system_test};
use test_support::wait::wait_until;

const SHOP: &str = "https://shop.example";
const EVIL: &str = "https://evil.example";
/// A change of a site is enforced on live sockets within this time.
const WITHIN: Duration = Duration::from_secs(5);

async fn change(rest: &Rest, admin: &Operator, site: i64, body: Value) {
    rest.call(reqwest::Method::PATCH, &format!("/sites/{site}"), Some(&admin.token), Some(body)).await.accepted();
}

/// Waits until each gateway lets a page come in, or does not.
async fn until_answered(system: &System, target: &str, origin: &str, status: u16) {
    for number in 0..2 {
        wait_until("the gateway has read the sites", async || {
            let answer = Socket::refused_from(system.gateway(number), target, origin).await;
            (answer.status == status).then_some(())
        })
        .await;
    }
}

system_test! {
    async fn a_page_follows_the_sessions_of_sites_that_allow_it(system: System) {
        let blog = system.accounts().add_site("blog").await;
        let admin = system.admin("Adam").await;
        let (in_shop, in_blog) = (Visitor::open(system.rest(), "Ann").await, Visitor::open_in(system.rest(), "Ann", "blog").await);
        change(system.rest(), &admin, 1, json!({"origins": [SHOP]})).await;
        change(system.rest(), &admin, blog, json!({"origins": ["https://blog.example"]})).await;
        // A handshake of a page that nobody allows is refused; that of a page of some site is let in, up to its session.
        until_answered(&system, "/channel/ws?session=x&token=x", SHOP, 400).await;
        assert_eq!(Socket::refused_from(system.gateway(0), &in_shop.socket_target(), EVIL).await.status, 403);
        let mut own = Socket::open_from(system.gateway(0), &in_shop.socket_target(), SHOP).await;
        own.connected().await;
        let mut foreign = Socket::open_from(system.gateway(0), &in_blog.socket_target(), SHOP).await;
        assert_eq!(foreign.next().await["error"]["code"], "forbidden");
        assert_eq!(foreign.closed().await.code, 4501);
        // Pages of sites are for visitors.
        let staff = format!("/channel/ws?type=staff&access_token={}", admin.token);
        assert_eq!(Socket::refused_from(system.gateway(0), &staff, SHOP).await.status, 403);
        // Nor may they read what is not for visitors.
        for (path, readable) in [("/chat/session", true), ("/auth/login", false), ("/sites", false)] {
            let preflight = system
                .rest()
                .request(reqwest::Method::OPTIONS, path)
                .header("origin", SHOP)
                .header("access-control-request-method", "POST");
            let answer = preflight.send().await.expect("an answer");
            assert_eq!(answer.headers().contains_key("access-control-allow-origin"), readable, "{path}");
        }
        // A site that forgets a page lets it come no more.
        change(system.rest(), &admin, 1, json!({"origins": []})).await;
        until_answered(&system, &in_shop.socket_target(), SHOP, 403).await;
    }
}

system_test! {
    async fn a_site_that_begins_to_ask_for_identities_sends_its_visitors_for_a_token(system: System) {
        let admin = system.admin("Adam").await;
        let visitor = Visitor::open(system.rest(), "Ann").await;
        let mut socket = visitor.socket(system.gateway(0)).await;
        socket.connected().await;
        change(system.rest(), &admin, 1, json!({"identity_required": true})).await;
        let closed = tokio::time::timeout(WITHIN, socket.closed()).await.expect("it is closed in time");
        assert_eq!(closed.code, 4001);
        let path = format!("/chat/session/{}/channel-token", visitor.session);
        let refused = system.rest().get(&path, &visitor.secret).await.refused(403, "forbidden");
        assert_eq!(refused["details"]["identity"], "required");
        let mut again = visitor.socket(system.gateway(1)).await;
        assert_eq!(again.next().await["error"]["code"], "forbidden");
        assert_eq!(again.closed().await.code, 4501);
    }
}
