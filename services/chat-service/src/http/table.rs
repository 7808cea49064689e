//! Routes as features declare them: a handler, where it is served, and its description in the document, in one line. So
//! nothing is served that is not described, and nothing described that is not served.

use actix_web::http::Method;
use actix_web::{FromRequest, Handler, Responder, web};
use utoipa::__dev::SchemaReferences;
use utoipa::openapi::path::{HttpMethod, Operation, ParameterIn};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{RefOr, Schema};

use super::caller::ChatAddress;

/// Where chats that are no sessions are.
const CHATS: &str = "/chats/{id}";

/// Where sessions are.
const SESSIONS: &str = "/chat/session/{id}";

/// A handler, and where it is served.
pub(crate) struct Route {
    pub(super) path: String,
    /// One for each method: GET comes with HEAD.
    pub(super) handlers: Vec<(Method, actix_web::Route)>,
    /// Which chats the `{id}` of the path means.
    pub(super) address: ChatAddress,
    /// None for routes that only gateways call.
    pub(super) described: Option<Described>,
}

/// The description of a route in the document.
pub(super) struct Described {
    pub(super) methods: Vec<HttpMethod>,
    pub(super) operation: Operation,
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

/// A handler with its `utoipa::path`: its path, its method and its description.
pub(crate) fn route<P, F, Args>(handler: F) -> Route
where
    P: utoipa::Path + SchemaReferences,
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let (path, methods) = (P::path(), P::methods());
    let mut schemas = Vec::new();
    P::schemas(&mut schemas);
    let handlers = methods.iter().flat_map(move |method| served(method, handler.clone())).collect();
    let address = if path.starts_with(CHATS) { ChatAddress::Chat } else { ChatAddress::Session };
    Route { path, handlers, address, described: Some(Described { methods, operation: P::operation(), schemas }) }
}

/// A handler that serves every chat: its path is that of chats that are no sessions, and it is served for sessions as well.
pub(crate) fn in_chats<P, F, Args>(handler: F) -> [Route; 2]
where
    P: utoipa::Path + SchemaReferences,
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let (mut chat, mut session) = (route::<P, F, Args>(handler.clone()), route::<P, F, Args>(handler));
    session.path = session.path.replacen(CHATS, SESSIONS, 1);
    session.address = ChatAddress::Session;
    if let Some(Described { operation, .. }) = &mut chat.described {
        rename(operation, "_in_chat");
    }
    if let Some(Described { operation, .. }) = &mut session.described {
        rename(operation, "_in_session");
        let no_scopes: [&str; 0] = [];
        let bearers = ["session_token", "access_token"].map(|name| SecurityRequirement::new(name, no_scopes));
        operation.security = Some(bearers.into());
        for parameter in operation.parameters.iter_mut().flatten() {
            if let RefOr::T(id) = parameter
                && id.parameter_in == ParameterIn::Path
            {
                id.description = Some("The session's id.".to_owned());
            }
        }
    }
    [session, chat]
}

fn rename(operation: &mut Operation, suffix: &str) {
    operation.operation_id = operation.operation_id.take().map(|name| name + suffix);
}

/// A handler that is not described: only gateways call it.
pub(crate) fn internal<F, Args>(path: &str, handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    undescribed(&HttpMethod::Post, path, handler)
}

/// A route that the document does not have.
pub(crate) fn undescribed<F, Args>(method: &HttpMethod, path: &str, handler: F) -> Route
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let handlers = served(method, handler);
    Route { path: path.to_owned(), handlers, address: ChatAddress::Chat, described: None }
}

fn served<F, Args>(method: &HttpMethod, handler: F) -> Vec<(Method, actix_web::Route)>
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let methods = match method {
        HttpMethod::Get => vec![Method::GET, Method::HEAD],
        HttpMethod::Post => vec![Method::POST],
        HttpMethod::Put => vec![Method::PUT],
        HttpMethod::Patch => vec![Method::PATCH],
        HttpMethod::Delete => vec![Method::DELETE],
        HttpMethod::Head | HttpMethod::Options | HttpMethod::Trace => vec![],
    };
    methods.into_iter().map(move |method| (method.clone(), web::method(method).to(handler.clone()))).collect()
}
