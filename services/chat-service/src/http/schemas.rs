//! Schemas that a derive cannot write.

use chat_events::gateway_api::MAX_CURSORS;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};

use crate::input::metadata::MAX_DEPTH;

/// `metadata`: an object of texts without NUL, numbers, truth values, null, and of arrays and objects of these.
pub(crate) fn metadata() -> Schema {
    let names = ObjectBuilder::new().schema_type(Type::String).pattern(Some(TEXT)).build();
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(METADATA))
        .max_properties(Some(50))
        .property_names(Some(Schema::from(names)))
        .additional_properties(Some(AdditionalProperties::RefOr(metadata_value(MAX_DEPTH - 1))))
        .build()
        .into()
}

const METADATA: &str = "What the site knows about its visitor: at most 8 KiB of JSON with its numbers written out, nested \
    at most 4 deep. Numbers are finite 64-bit floats, and no name is twice in one object.";

const TEXT: &str = r"^[^\x00]*$";

fn metadata_value(depth: usize) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).max_length(Some(1000)).pattern(Some(TEXT));
    let mut any = OneOfBuilder::new()
        .item(text)
        .item(ObjectBuilder::new().schema_type(Type::Number))
        .item(ObjectBuilder::new().schema_type(Type::Boolean))
        .item(ObjectBuilder::new().schema_type(Type::Null));
    if depth > 0 {
        let inner = metadata_value(depth - 1);
        let names = ObjectBuilder::new().schema_type(Type::String).pattern(Some(TEXT)).build();
        any = any.item(ArrayBuilder::new().items(inner.clone())).item(
            ObjectBuilder::new()
                .property_names(Some(Schema::from(names)))
                .additional_properties(Some(AdditionalProperties::RefOr(inner))),
        );
    }
    RefOr::T(any.build().into())
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
