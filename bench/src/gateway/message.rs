//! What is brought to all: every server sends the same.

use serde_json::json;

/// What a message holds to be known by. It begins with a byte that is rare in frames, so that it is found quickly.
pub(crate) fn marker(number: u32) -> String {
    format!("#{number:06}#")
}

/// The text of a message: 200 characters.
pub(crate) fn body(number: u32) -> String {
    format!("{:.<200}", marker(number))
}

/// What floor and peers send: as long as the gateway's frame, and the same to look at.
pub(crate) fn payload(number: u32) -> serde_json::Value {
    json!({
        "type": "chat.message",
        "chat_id": 1,
        "seq": number,
        "data": {
            "id": number, "chat_id": 1, "session_id": null, "seq": number, "changed_seq": number,
            "sender_type": "user", "sender_id": 1234, "sender_name": "User 1234",
            "body": body(number), "client_id": "5e0c1f5a-6b0e-4a52-9c41-6a4c3d2f9b10", "visibility": "public",
            "created_at": "2026-11-21T10:21:07.123456Z", "edited_at": null, "is_deleted": false
        }
    })
}
