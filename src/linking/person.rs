//! The person that was captured with a lead: what they are matched by, and the contact they become.

use crate::contacts::{NewContact, identity};
use crate::leads::Lead;
use crate::matching::decide::Keys;
use crate::matching::strategy::Field;
use crate::text::compare_key;

/// What the person is matched by. A phone that cannot be read tells nobody.
pub fn keys(lead: &Lead, country: Option<&str>) -> Keys {
    let captured = &lead.captured.0;
    let folded = |text: &Option<String>| text.as_deref().map(compare_key);
    let keys = [
        (Field::Email, lead.email_key.clone()),
        (Field::Phone, phone(lead, country)),
        (Field::FirstName, folded(&captured.first_name)),
        (Field::LastName, folded(&captured.last_name)),
    ];
    keys.into_iter().filter_map(|(field, key)| Some((field, key?))).collect()
}

/// The contact that the person becomes. Sales has yet to earn it.
pub fn contact(lead: &Lead, country: Option<&str>) -> NewContact {
    let captured = lead.captured.0.clone();
    NewContact {
        first_name: captured.first_name,
        last_name: captured.last_name,
        email: captured.email,
        phone: captured.phone.filter(|_| phone(lead, country).is_some()),
        account_id: lead.account_id,
        marketing_only: true,
        first_source: Some(lead.source.clone()),
        ..NewContact::default()
    }
}

fn phone(lead: &Lead, country: Option<&str>) -> Option<String> {
    let typed = lead.captured.0.phone.as_deref()?;
    identity::phone(typed, country).ok().map(|phone| phone.e164)
}
