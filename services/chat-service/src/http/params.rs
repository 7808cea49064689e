//! The parameters in paths, as OpenAPI describes them.

/// The id of a support session.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described, not read")]
pub(crate) struct SessionPath {
    /// The session's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    id: i64,
}

/// The id of a chat that is not a session.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described, not read")]
pub(crate) struct ChatPath {
    /// The chat's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    id: i64,
}

/// A member of a chat.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct MemberPath {
    /// The chat's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    pub(crate) id: i64,
    /// The member's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    pub(crate) user_id: i64,
}
