//! What a reply takes over from the message that it answers (WRK-3), so that it finds its way back to whoever sent it.

use super::Interaction;

/// Completes `reply` from `message`: the person when the reply names nobody, the lead when both are the same person's,
/// and sender, cause and campaign. What the reply says itself stands.
pub fn inherit(reply: &mut Interaction, message: &Interaction) {
    reply.reply_to_id = Some(message.id);
    if names_nobody(reply) {
        reply.contact_id = message.contact_id;
        reply.email_key = message.email_key.clone();
        reply.phone_key = message.phone_key.clone();
        reply.external_person_id = message.external_person_id.clone();
        reply.anonymous_id = message.anonymous_id.clone();
    }
    if reply.contact_id == message.contact_id {
        reply.lead_id = reply.lead_id.or(message.lead_id);
    }
    reply.sender_id = reply.sender_id.or(message.sender_id);
    reply.cause = reply.cause.take().or_else(|| message.cause.clone());
    reply.campaign = reply.campaign.take().or_else(|| message.campaign.clone());
}

fn names_nobody(reply: &Interaction) -> bool {
    let keys = [&reply.email_key, &reply.phone_key, &reply.external_person_id, &reply.anonymous_id];
    reply.contact_id.is_none() && reply.lead_id.is_none() && keys.into_iter().all(Option::is_none)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;
    use crate::db::types::{Code, JsonOf};
    use crate::id::Id;
    use crate::scoring::Evidence;

    fn id(number: u8) -> Id {
        Id::from_bytes([number; 16])
    }

    fn bare(number: u8) -> Interaction {
        Interaction {
            workspace_id: Id::NIL,
            id: id(number),
            kind: "message".into(),
            occurred_at: Timestamp::from_day(1),
            recorded_at: Timestamp::from_day(1),
            contact_id: None,
            lead_id: None,
            email_key: None,
            phone_key: None,
            external_person_id: None,
            anonymous_id: None,
            asset: None,
            campaign: None,
            form_id: None,
            properties: JsonOf(json!({})),
            source: None,
            external_id: None,
            sender_id: None,
            cause: None,
            evidence: Code(Evidence::Human),
            voided_at: None,
            remote_address: None,
            network_key: None,
            reply_to_id: None,
            reply_to_source: None,
            reply_to_external_id: None,
            void_id: None,
            void_reason: None,
        }
    }

    fn message() -> Interaction {
        Interaction {
            contact_id: Some(id(7)),
            lead_id: Some(id(8)),
            email_key: Some("ann@x.ee".into()),
            campaign: Some("spring".into()),
            sender_id: Some(id(9)),
            cause: Some("offer".into()),
            ..bare(1)
        }
    }

    #[test]
    fn a_bare_reply_is_of_whoever_the_message_went_to() {
        let mut reply = bare(2);
        inherit(&mut reply, &message());
        assert_eq!((reply.contact_id, reply.lead_id, reply.sender_id), (Some(id(7)), Some(id(8)), Some(id(9))));
        assert_eq!((reply.cause.as_deref(), reply.campaign.as_deref()), (Some("offer"), Some("spring")));
        assert_eq!((reply.reply_to_id, reply.email_key.as_deref()), (Some(id(1)), Some("ann@x.ee")));
    }

    #[test]
    fn what_a_reply_says_itself_stands() {
        let said = Interaction {
            contact_id: Some(id(7)),
            lead_id: Some(id(3)),
            campaign: Some("autumn".into()),
            sender_id: Some(id(4)),
            cause: Some("call".into()),
            ..bare(2)
        };
        let mut reply = said.clone();
        inherit(&mut reply, &message());
        assert_eq!((reply.lead_id, reply.campaign, reply.sender_id), (said.lead_id, said.campaign, said.sender_id));
        assert_eq!((reply.cause, reply.email_key), (said.cause, None));
    }

    #[test]
    fn somebody_elses_reply_is_not_about_the_lead_of_the_person_who_was_written_to() {
        let mut reply = Interaction { email_key: Some("bob@x.ee".into()), ..bare(2) };
        inherit(&mut reply, &message());
        assert_eq!((reply.contact_id, reply.lead_id), (None, None));
        assert_eq!((reply.email_key.as_deref(), reply.sender_id), (Some("bob@x.ee"), Some(id(9))));
    }
}
