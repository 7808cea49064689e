//! Around an application: tells the connection when a request begins, when its body has come and when it is answered, and gives
//! every answer the common headers.

use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::error::PayloadError;
use actix_http::header::{CONTENT_LENGTH, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_http::{BoxedPayloadStream, ConnectionType, Payload, Request, Response, Version};
use actix_service::{Service, ServiceFactory};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;

use crate::connection::Connection;

/// An answer is given to actix in pieces, so that it is not in memory twice.
const PIECE: usize = 32 * 1024;

/// An application, and the connections that its requests come on.
#[derive(Debug)]
pub struct Requests<S, B> {
    inner: S,
    body: PhantomData<B>,
}

impl<S, B> Requests<S, B> {
    /// Around this application.
    pub fn new(inner: S) -> Self {
        Self { inner, body: PhantomData }
    }
}

impl<S, B> ServiceFactory<Request> for Requests<S, B>
where
    S: ServiceFactory<Request, Config = ()>,
    S::Response: Into<Response<B>> + 'static,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::Service: 'static,
    S::Future: 'static,
    <S::Service as Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<Answer>;
    type Error = Response<BoxBody>;
    type Config = ();
    type Service = Requests<S::Service, B>;
    type InitError = S::InitError;
    type Future = LocalBoxFuture<'static, Result<Self::Service, Self::InitError>>;

    fn new_service(&self, (): ()) -> Self::Future {
        let inner = self.inner.new_service(());
        Box::pin(async move { Ok(Requests::new(inner.await?)) })
    }
}

impl<S, B> Service<Request> for Requests<S, B>
where
    S: Service<Request>,
    S::Response: Into<Response<B>> + 'static,
    S::Error: Into<Response<BoxBody>> + 'static,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = Response<Answer>;
    type Error = Response<BoxBody>;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let connection = request.conn_data::<Arc<Connection>>().cloned();
        let version = request.version();
        let guard = Guard(connection.clone());
        if let Some(connection) = connection {
            watch_body(&mut request, connection);
        }
        let answered = self.inner.call(request);
        Box::pin(async move {
            let response = match answered.await {
                Ok(response) => response.into().map_into_boxed_body(),
                Err(error) => error.into(),
            };
            Ok(finish(response, version, guard))
        })
    }
}

/// The body tells the connection when the service is given some of it.
fn watch_body(request: &mut Request, connection: Arc<Connection>) {
    let body = match request.take_payload() {
        Payload::None => return connection.begin_request(None),
        body => body,
    };
    let length =
        request.head().headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    connection.begin_request(Some(length));
    let watched: BoxedPayloadStream = Box::pin(WatchedBody { body, connection });
    *request.payload() = Payload::Stream { payload: watched };
}

fn finish(mut response: Response<BoxBody>, version: Version, guard: Guard) -> Response<Answer> {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let is_stream = response.body().size() == BodySize::Stream;
    if is_stream && version < Version::HTTP_11 {
        // Chunks are of HTTP/1.1: before it, the end of the connection is the end of the answer.
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    if guard.0.as_ref().is_some_and(|connection| connection.is_unread()) {
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    response.map_body(|_, body| Answer { body, rest: Bytes::new(), guard })
}

struct WatchedBody {
    body: Payload<BoxedPayloadStream>,
    connection: Arc<Connection>,
}

impl Stream for WatchedBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_next(context) else {
            return match self.connection.body_is_void() {
                true => Poll::Ready(Some(Err(PayloadError::EncodingCorrupted))),
                false => Poll::Pending,
            };
        };
        match &next {
            Some(Ok(_)) => self.connection.body_came(),
            Some(Err(_)) => {}
            None => self.connection.body_ended(),
        }
        Poll::Ready(next)
    }
}

/// Where it goes, the answer has ended: it is with actix, or its connection is gone.
#[derive(Debug)]
struct Guard(Option<Arc<Connection>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.end_answer();
        }
    }
}

/// The body of an answer.
#[derive(Debug)]
pub struct Answer {
    body: BoxBody,
    /// The rest of the body's last piece.
    rest: Bytes,
    guard: Guard,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(context)) {
                Some(Ok(bytes)) => self.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(length);
        if let Some(connection) = &self.guard.0 {
            connection.answer_waits(self.rest.len());
        }
        Poll::Ready(Some(Ok(piece)))
    }
}
