//! What the files of `make up`, docker-compose.yml and Prometheus say of the metrics: they have an address of their own, and the
//! front address leads to none.

const COMPOSE: &str = include_str!("../../docker-compose.yml");
const UP: &str = include_str!("../../deploy/local/up.sh");
const PROMETHEUS: &str = include_str!("../../deploy/prometheus/prometheus.yml");
const LOCATIONS: &str = include_str!("../../deploy/nginx/locations.conf");
const FRONTS: [&str; 3] = [
    include_str!("../../deploy/nginx/compose.conf"),
    include_str!("../../deploy/nginx/local.conf.template"),
    include_str!("../../deploy/nginx/http.conf"),
];

#[test]
fn in_compose_the_metrics_have_a_port_that_only_the_scraper_knows() {
    assert!(COMPOSE.contains("METRICS__BIND: 0.0.0.0:9090"));
    let services = ["chat-service", "dispatcher", "channel-gateway"];
    assert_eq!(COMPOSE.matches("<<: *telemetry").count(), services.len(), "each of ours has the setting");
    assert_eq!(COMPOSE.matches("published:").count(), 1, "one port is published, the front's");
    assert!(FRONTS.iter().all(|front| !front.contains("9090")));
    for service in services {
        let job = format!("names: [{service}]\n        type: A\n        port: 9090\n");
        assert!(PROMETHEUS.contains(&job), "{service} is scraped there");
    }
}

#[test]
fn in_make_up_the_metrics_are_on_loopback_and_not_behind_the_front() {
    assert!(UP.contains(r#"metrics=127.0.0.1:$(port "$name-metrics" "$name")"#));
    assert!(UP.contains(r#"METRICS__BIND="$metrics""#));
    assert!(FRONTS.iter().all(|front| !front.contains("-metrics")));
}

#[test]
fn the_front_leads_neither_to_metrics_nor_to_what_is_internal() {
    let (_, refused) = LOCATIONS.split_once("location ~ ^/(?:internal(?:/|$)|metrics$) {").expect("a location");
    let (refused, _) = refused.split_once('}').expect("its end");
    assert!(refused.contains("return 404") && !refused.contains("proxy_pass"), "{refused}");
}
