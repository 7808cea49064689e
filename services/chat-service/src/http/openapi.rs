//! The OpenAPI 3.1 document, so exact that a machine can check the service against it.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use chat_events::ErrorEnvelope;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, HeaderBuilder, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi as _};

use super::routes;
use super::table::{Described, Route};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Switchboard chat-service",
         description = "Support sessions, chats, messages and accounts. Live events come over the channel protocol."),
    // Beside this document, whatever prefix a proxy puts before it.
    servers((url = "./")),
    components(schemas(ErrorEnvelope)),
    tags(
        (name = "sessions", description = "Support sessions"),
        (name = "messages", description = "Messages of sessions and of other chats"),
        (name = "chats", description = "Chats of users"),
        (name = "auth", description = "Accounts and tokens"),
        (name = "sites", description = "Web sites: what their widgets look like, and administration"),
    ),
)]
struct Document;

static JSON: LazyLock<String> =
    LazyLock::new(|| document().to_json().expect("the document holds nothing that JSON cannot"));

/// The document of all routes that everybody may call.
fn document() -> OpenApi {
    let mut document = Document::openapi();
    for Route { path, described, .. } in routes::public() {
        let Some(Described { methods, operation, schemas }) = described else { continue };
        document.components.get_or_insert_default().schemas.extend(schemas);
        document.paths.add_path_operation(path, methods, operation);
    }
    Bearers.modify(&mut document);
    Errors.modify(&mut document);
    RateLimits.modify(&mut document);
    KnownFields.modify(&mut document);
    document
}

/// The document.
pub(crate) async fn serve() -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(JSON.as_str())
}

/// The three things that a bearer token can be.
struct Bearers;

impl Modify for Bearers {
    fn modify(&self, openapi: &mut OpenApi) {
        let components = openapi.components.get_or_insert_default();
        for (name, format, description) in [
            ("session_token", None, "`token` of a session: opens that session only"),
            ("access_token", Some("JWT"), "`access_token` of a login"),
            ("visitor_secret", None, "`visitor_secret` of a session: gets new tokens for it"),
        ] {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(description));
            let scheme = match format {
                Some(format) => scheme.bearer_format(format),
                None => scheme,
            };
            components.add_security_scheme(name, SecurityScheme::Http(scheme.build()));
        }
    }
}

/// All operations of the document, by the methods that we serve.
fn operations(openapi: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    openapi.paths.paths.values_mut().flat_map(|path| {
        [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
    })
}

/// Bodies have the fields that are described and no others.
struct KnownFields;

impl Modify for KnownFields {
    fn modify(&self, openapi: &mut OpenApi) {
        let bodies: Vec<String> = operations(openapi)
            .filter_map(|operation| {
                let RefOr::T(body) = operation.request_body.as_ref()? else { return None };
                let RefOr::T(content) = body.content.get("application/json")? else { return None };
                match content.schema.as_ref()? {
                    RefOr::Ref(body) => body.ref_location.rsplit('/').next().map(str::to_owned),
                    RefOr::T(_) => None,
                }
            })
            .collect();
        let schemas = &mut openapi.components.get_or_insert_default().schemas;
        for body in bodies {
            if let Some(RefOr::T(Schema::Object(object))) = schemas.get_mut(&body) {
                object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
}

/// Errors that every operation of a kind can give; written once here instead of at each.
struct Errors;

impl Modify for Errors {
    fn modify(&self, openapi: &mut OpenApi) {
        operations(openapi).for_each(add_errors);
    }
}

/// Everywhere there is a limit of how often one may come, and a time when there is too much to do.
struct RateLimits;

impl Modify for RateLimits {
    fn modify(&self, openapi: &mut OpenApi) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let retry_after = HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait")).build();
        for operation in operations(openapi) {
            for (status, description) in [
                ("429", "Too fast; `details.retry_after_ms` says how long to wait"),
                ("503", "A part that this needs does not answer, or has too much to do; try again"),
            ] {
                let refused = error(description).header("Retry-After", retry_after.clone());
                operation.responses.responses.insert(status.to_owned(), RefOr::T(refused.build()));
            }
        }
    }
}

fn error(description: &str) -> ResponseBuilder {
    let envelope = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorEnvelope"))).build();
    ResponseBuilder::new().description(description).content("application/json", envelope)
}

fn add_errors(operation: &mut Operation) {
    let mut errors =
        vec![("400", "The request could not be read"), ("405", "This method is not served here"), ("500", "Our fault")];
    if operation.security.is_some() {
        errors.push(("401", "No credentials, or not good ones"));
        errors.push(("403", "Known, but not allowed"));
    }
    if operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty()) {
        errors.push(("404", "There is no such thing, or the caller may not know of it"));
        errors.push(("422", "A value is not acceptable; `details.field` names it"));
    }
    if operation.request_body.is_some() {
        errors.push(("409", "It contradicts the present state"));
        errors.push(("413", "The body is over the size limit"));
        errors.push(("415", "The body is not `application/json`"));
        errors.push(("422", "A value is not acceptable; `details.field` names it"));
    }
    for (status, description) in errors {
        let response = error(description).build();
        operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
    }
}
