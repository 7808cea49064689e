//! Schemas that a derive cannot write.

use chat_events::Metadata;
use chat_events::gateway_api::MAX_CURSORS;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, SchemaFormat};

/// The facts that a site knows about its visitor.
pub(crate) fn metadata() -> Schema {
    Metadata::schema("What the site knows about its visitor.")
}

/// Positions in chats, by the id of the chat.
pub(crate) fn cursors() -> Schema {
    let ids = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[1-9][0-9]{0,17}$")).build();
    let position = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(0))
        .maximum(Some(i64::MAX));
    ObjectBuilder::new()
        .description(Some("For each chat the last seq that the caller has seen; at most 1,000 chats."))
        .max_properties(Some(MAX_CURSORS))
        .property_names(Some(Schema::from(ids)))
        .additional_properties(Some(AdditionalProperties::RefOr(position.into())))
        .build()
        .into()
}

/// An id, or null; it has to be there.
pub(crate) fn nullable_id() -> Schema {
    operator_or_nobody("An operator, or null for nobody.")
}

/// The same; it may be left out.
pub(crate) fn nullable_expected_id() -> Schema {
    operator_or_nobody(
        "Who has the session as far as the caller knows, null for nobody: if somebody else has it by now, the answer is \
         `conflict` with who that is in `details.assignee`. Left out: whoever has it.",
    )
}

fn operator_or_nobody(description: &str) -> Schema {
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some(description))
        .minimum(Some(1))
        .maximum(Some(i64::MAX))
        .build()
        .into()
}
