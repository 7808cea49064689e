//! Whole systems of real processes, in both shapes. The people who use them are those of `test_people`.
//!
//! - [`system`]: starts a standalone process, or two of each service
//! - [`chain`]: one of each service, with a proxy before each server, to see what breaks and heals
//! - [`browser`]: a real browser and its tabs
//! - [`front`]: our front, and the proxies of others before it
//! - [`prometheus`]: what those are told who watch the services
//! - [`live`]: a connection of any kind, for tests of what all promise
//! - [`changed`]: messages that are edited and deleted
//! - [`order`]: what order and duplicate mean

pub mod browser;
pub mod chain;
pub mod changed;
pub mod front;
pub mod live;
pub mod order;
pub mod prometheus;
pub mod system;

pub use chain::Chain;
pub use front::Front;
pub use live::{Live, Position, Transport};
pub use system::{Shape, System};
pub use test_people::{Answer, EventStream, Gateway, Operator, Person, Poller, Rest, Socket, User, Visitor};

/// Runs one test in both shapes: `<name>::standalone` and `<name>::distributed`.
///
/// ```ignore
/// system_test! {
///     async fn an_operator_receives_a_visitors_message(system: System) { … }
/// }
/// ```
#[macro_export]
macro_rules! system_test {
    ($(async fn $name:ident($system:ident: $whole:ty) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn check($system: $whole) $body

            #[tokio::test]
            async fn standalone() {
                check(<$whole>::start($crate::Shape::Standalone).await).await;
            }

            #[tokio::test]
            async fn distributed() {
                check(<$whole>::start($crate::Shape::Distributed).await).await;
            }
        }
    )+};
}

/// Runs one test over all transports, in both shapes: `<name>::standalone::websocket` and so on. What only the
/// distributed shape has to lose is marked so.
///
/// ```ignore
/// transport_test! {
///     async fn what_was_missed_comes_first(system: System, transport: Transport) { … }
///     #[distributed] async fn redis_may_be_emptied(system: System, transport: Transport) { … }
/// }
/// ```
#[macro_export]
macro_rules! transport_test {
    () => {};
    (#[distributed] async fn $name:ident($($argument:ident: $kind:ty),+ $(,)?) $body:block $($rest:tt)*) => {
        mod $name {
            use super::*;
            async fn check($($argument: $kind),+) $body
            $crate::transport_test!(@shape distributed Distributed);
        }
        $crate::transport_test!($($rest)*);
    };
    (async fn $name:ident($($argument:ident: $kind:ty),+ $(,)?) $body:block $($rest:tt)*) => {
        mod $name {
            use super::*;
            async fn check($($argument: $kind),+) $body
            $crate::transport_test!(@shape standalone Standalone);
            $crate::transport_test!(@shape distributed Distributed);
        }
        $crate::transport_test!($($rest)*);
    };
    (@shape $module:ident $shape:ident) => {
        mod $module {
            use $crate::{Shape, System, Transport};

            #[tokio::test]
            async fn websocket() {
                super::check(System::start(Shape::$shape).await, Transport::WebSocket).await;
            }

            #[tokio::test]
            async fn event_stream() {
                super::check(System::start(Shape::$shape).await, Transport::EventStream).await;
            }

            #[tokio::test]
            async fn polling() {
                super::check(System::start(Shape::$shape).await, Transport::Polling).await;
            }
        }
    };
}
