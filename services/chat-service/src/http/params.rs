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

/// The key of a web site.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described, not read")]
pub(crate) struct SiteKeyPath {
    /// The site's key.
    #[param(example = "default", max_length = 64, pattern = "^[a-z0-9][a-z0-9_-]*$")]
    key: String,
}

/// The id of a web site.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described, not read")]
pub(crate) struct SitePath {
    /// The site's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    id: i64,
}

/// A key with which a web site signs.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SiteKeyOfPath {
    /// The site's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    pub(crate) id: i64,
    /// The key's name.
    #[param(example = "k1", max_length = 64)]
    pub(crate) kid: String,
}

/// The id of an account.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only described, not read")]
pub(crate) struct UserPath {
    /// The account's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    id: i64,
}

/// The id of an invitation.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InvitationPath {
    /// The invitation's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    pub(crate) id: i64,
}

/// One of one's own logins.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct LoginPath {
    /// The login's id.
    pub(crate) login: uuid::Uuid,
}

/// A login of an account.
#[derive(serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct LoginOfUserPath {
    /// The account's id.
    #[param(minimum = 1, maximum = 9223372036854775807_i64, example = 1)]
    pub(crate) id: i64,
    /// The login's id.
    pub(crate) login: uuid::Uuid,
}
