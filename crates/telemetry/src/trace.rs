//! Carries W3C trace context (`traceparent`) from one process to the next.
//!
//! Without export there is no trace: [`current_traceparent`] returns nothing and [`continue_from`] does nothing.

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The header, and the field in an event, that carries trace context.
pub const TRACEPARENT: &str = "traceparent";

/// The present span as a `traceparent`, for a message or a request that it causes.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    traceparent_of(&Span::current())
}

/// A span as a `traceparent`.
#[must_use]
pub fn traceparent_of(span: &Span) -> Option<String> {
    let context = span_context(span)?;
    let flags = context.trace_flags().to_u8();
    Some(format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
}

/// Makes a new span a child of the span that caused it elsewhere. Call it before anything else touches the span; an
/// unreadable `traceparent` is passed over.
pub fn continue_from(span: &Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(read) {
        // Fails without export, and then there is nothing to do.
        let _no_trace_layer = span.set_parent(parent);
    }
}

/// The trace that a span belongs to, for the log.
pub(crate) fn trace_id(span: &Span) -> Option<String> {
    span_context(span).map(|context| context.trace_id().to_string())
}

fn span_context(span: &Span) -> Option<SpanContext> {
    let context = span.context().span().span_context().clone();
    context.is_valid().then_some(context)
}

fn read(traceparent: &str) -> Option<Context> {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &OneHeader(traceparent));
    context.span().span_context().is_valid().then_some(context)
}

struct OneHeader<'a>(&'a str);

impl Extractor for OneHeader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    const CAUSE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn traced<T>(act: impl FnOnce() -> T) -> T {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let subscriber = Registry::default().with(tracing_opentelemetry::layer().with_tracer(tracer));
        tracing::subscriber::with_default(subscriber, act)
    }

    #[test]
    fn a_trace_goes_on_where_another_process_left_it() {
        traced(|| {
            let span = tracing::info_span!("relay");
            continue_from(&span, Some(CAUSE));
            let next = span.in_scope(current_traceparent).expect("a trace");
            assert_eq!(next[..36], CAUSE[..36], "the same trace");
            assert_ne!(next[36..52], CAUSE[36..52], "another span");
            assert!(next.ends_with("-01"), "{next}");
        });
    }

    #[test]
    fn a_cause_that_is_not_sampled_stays_so() {
        traced(|| {
            let span = tracing::info_span!("relay");
            continue_from(&span, Some(&CAUSE.replace("-01", "-00")));
            assert!(traceparent_of(&span).expect("a trace").ends_with("-00"));
        });
    }

    #[test]
    fn what_cannot_be_read_begins_a_new_trace() {
        for bad in ["", "00", "00-0-0-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01", &"é".repeat(30)]
        {
            traced(|| {
                let span = tracing::info_span!("relay");
                continue_from(&span, Some(bad));
                assert_eq!(traceparent_of(&span).expect("a trace").len(), CAUSE.len());
            });
        }
    }

    #[test]
    fn without_export_there_is_no_trace() {
        tracing::subscriber::with_default(Registry::default(), || {
            let span = tracing::info_span!("relay");
            continue_from(&span, Some(CAUSE));
            assert_eq!(span.in_scope(current_traceparent), None);
        });
    }
}
