//! The OpenAPI document.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::service::Service;

#[tokio::test]
async fn the_document_tells_of_every_public_route_and_of_no_other() {
    let service = Service::start().await;
    let (status, document) = service.call(Method::GET, "/openapi.json", None, None).await;
    assert_eq!((status, document["openapi"].as_str()), (StatusCode::OK, Some("3.1.0")));
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.keys().all(|path| !path.starts_with("/internal")));
    for (path, operations) in paths {
        let here =
            path.replace("{id}", "1").replace("{user_id}", "1").replace("{kid}", "k").replace("{key}", "default");
        let here = here.replace("{login}", "6f1c1b1e-6d0f-4a1e-9a54-6d2f0c7b8a11");
        let allowed = allowed(&service, &here).await;
        let documented: BTreeSet<_> =
            operations.as_object().expect("operations").keys().map(|m| m.to_uppercase()).collect();
        let served: BTreeSet<_> = allowed.into_iter().filter(|m| m != "HEAD" && m != "OPTIONS").collect();
        assert_eq!(documented, served, "{path}");
    }
}

async fn allowed(service: &Service, path: &str) -> Vec<String> {
    let request = reqwest::Client::new().request(Method::OPTIONS, format!("{}{path}", service.url));
    let answer = request.send().await.expect("an answer");
    let allow = answer.headers().get("allow").unwrap_or_else(|| panic!("{path} is not served"));
    allow.to_str().expect("text").split(", ").map(str::to_owned).collect()
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let service = Service::start().await;
    let (_, document) = service.call(Method::GET, "/openapi.json", None, None).await;
    let mut references = vec![];
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn operations_and_their_parameters_have_names_of_their_own() {
    let service = Service::start().await;
    let (_, document) = service.call(Method::GET, "/openapi.json", None, None).await;
    let mut ids = BTreeSet::new();
    let paths = document["paths"].as_object().expect("paths");
    for operation in paths.values().flat_map(|path| path.as_object().expect("operations").values()) {
        let id = operation["operationId"].as_str().expect("an id");
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let names: BTreeSet<_> = parameters.iter().map(|one| format!("{} {}", one["in"], one["name"])).collect();
        assert_eq!(names.len(), parameters.len(), "{id}: {names:?}");
    }
}

#[tokio::test]
async fn swagger_ui_is_served_at_both_its_places() {
    let service = Service::start().await;
    for path in ["/docs", "/api/docs"] {
        let page = reqwest::get(format!("{}{path}", service.url)).await.expect("an answer");
        assert_eq!(page.status(), StatusCode::OK);
        let at = page.url().clone();
        assert!(page.text().await.expect("HTML").contains("swagger-ui"), "{path}");
        // It asks for the document beside it, whatever prefix a proxy puts before both.
        let script = at.join("swagger-initializer.js").expect("a URL");
        let script = reqwest::get(script).await.expect("an answer").text().await.expect("a script");
        let document = script.split('"').find(|text| text.ends_with("openapi.json")).expect("its address");
        assert!(document.starts_with("../"), "{document}");
        let document = reqwest::get(at.join(document).expect("a URL")).await.expect("an answer");
        assert_eq!(document.status(), StatusCode::OK);
        let here = document.url().clone();
        let document: Value = document.json().await.expect("JSON");
        let server = document["servers"][0]["url"].as_str().expect("a server");
        assert_eq!(here.join(server).expect("a URL").path(), "/");
    }
}

/// Whether some value has to be of two types at the same time.
fn contradicts_itself(schema: &Value) -> bool {
    let types = |parts: &Vec<Value>| -> BTreeSet<String> {
        parts.iter().filter_map(|part| part["type"].as_str().map(str::to_owned)).collect()
    };
    let here = schema["allOf"].as_array().is_some_and(|parts| types(parts).len() > 1);
    let within = match schema {
        Value::Object(fields) => fields.values().any(contradicts_itself),
        Value::Array(parts) => parts.iter().any(contradicts_itself),
        _ => false,
    };
    here || within
}

#[tokio::test]
async fn no_schema_of_the_document_contradicts_itself() {
    let service = Service::start().await;
    let (_, document) = service.call(Method::GET, "/openapi.json", None, None).await;
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let wrong: Vec<&String> =
        schemas.iter().filter(|(_, schema)| contradicts_itself(schema)).map(|(name, _)| name).collect();
    assert!(schemas.len() > 10 && wrong.is_empty(), "{wrong:?}");
}

/// `UPDATE_DOCS=1` writes it; the types are made from it by `npm run generate` in that folder.
#[tokio::test]
async fn the_types_of_the_clients_are_made_from_this_document() {
    let service = Service::start().await;
    let (_, document) = service.call(Method::GET, "/openapi.json", None, None).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../clients/types/openapi.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let text = serde_json::to_string_pretty(&document).expect("JSON") + "\n";
        std::fs::write(path, text).expect("a file that can be written");
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a document")).expect("JSON");
    assert!(
        committed == document,
        "clients/types/openapi.json is of another document: run this test with UPDATE_DOCS=1"
    );
}
