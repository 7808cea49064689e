//! Activity: an action in a chat and its author, as it is remembered. States tell how things are; activity tells how
//! they came to be so.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::Seq;
use crate::message::{SenderType, Visibility};

/// An action of somebody: from which value, to which.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Activity {
    /// The action, such as `session.status`.
    #[schema(example = "session.status")]
    pub kind: String,
    /// The author of the action.
    pub actor: Performer,
    /// The value before; null for nothing.
    pub from: Option<Value>,
    /// The value after; null for nothing.
    pub to: Option<Value>,
    /// The time of the action.
    #[serde(serialize_with = "crate::time::micros")]
    pub at: DateTime<Utc>,
}

/// The author of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Performer {
    /// Its role.
    #[serde(rename = "type")]
    pub kind: SenderType,
    /// The client's or user's id; null for the system.
    pub id: Option<i64>,
    /// The name that it had then.
    pub name: Option<String>,
}

/// An activity at its place in a chat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlacedActivity {
    /// The position of the change that the action made.
    pub seq: Seq,
    /// The readers who may see it. Missing counts as staff.
    #[serde(default)]
    pub visibility: Visibility,
    /// The action.
    #[serde(flatten)]
    pub activity: Activity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_has_the_same_fields_wherever_it_is_told() {
        let alone = r#"{"kind":"session.status","actor":{"type":"operator","id":3,"name":"Olivia"},"from":"open","to":null,
            "at":"2026-11-21T10:20:00.000000Z"}"#;
        let activity: Activity = serde_json::from_str(alone).expect("an activity");
        assert_eq!((activity.from.clone(), activity.to.clone()), (Some("open".into()), None));
        let placed = PlacedActivity { seq: Seq(21), visibility: Visibility::Public, activity };
        let mut expected: Value = serde_json::from_str(alone).expect("JSON");
        expected["seq"] = 21.into();
        expected["visibility"] = "public".into();
        let told = serde_json::to_value(&placed).expect("JSON");
        assert_eq!(told, expected);
        assert_eq!(serde_json::from_value::<PlacedActivity>(told).expect("an activity"), placed);
    }
}
