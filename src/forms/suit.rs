//! Whether a form collects what a matching strategy compares (MAT-2).
//!
//! A strategy suits a form when at least one of its alternatives can ever apply to what the form sends. A form is held to
//! the strategy that finds contacts only if it writes contacts, and to the one that finds leads only if it writes leads
//! and does not open a new one each time. Every submission may carry an anonymous id; none carries an external id.

use super::definition::{Definition, Writes};
use super::slot::Slot;
use crate::matching::strategy::{Field, Strategy, Target};

/// What finds contacts and leads for a form.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// What finds contacts.
    pub contact: Strategy,
    /// What finds leads.
    pub lead: Strategy,
}

impl Pair {
    /// What finds records of `target`.
    pub fn of(&self, target: Target) -> &Strategy {
        match target {
            Target::Contact => &self.contact,
            Target::Lead => &self.lead,
        }
    }
}

/// Whether the form with this definition must suit its strategy for `target`.
pub fn is_held(definition: &Definition, target: Target) -> bool {
    match target {
        Target::Contact => definition.writes.contact(),
        Target::Lead => definition.writes.lead() && !definition.always_create_lead,
    }
}

/// Whether what the form sends can ever be compared by its strategy for `target`.
pub fn suits(definition: &Definition, pair: &Pair, target: Target) -> bool {
    let has = |field| match target {
        Target::Contact => sends_of_person(definition, field),
        Target::Lead => sends_of_interest(definition, pair, field),
    };
    !pair.of(target).applicable(has).is_empty()
}

fn has_field(definition: &Definition, slot: &Slot) -> bool {
    definition.fields.iter().any(|field| field.maps_to.as_ref() == Some(slot))
}

fn sends_of_person(definition: &Definition, field: Field) -> bool {
    match field {
        Field::Email => has_field(definition, &Slot::Email),
        Field::Phone => has_field(definition, &Slot::Phone),
        Field::Mobile => has_field(definition, &Slot::Mobile),
        Field::FirstName => has_field(definition, &Slot::FirstName),
        Field::LastName => has_field(definition, &Slot::LastName),
        Field::AnonymousId => true,
        _ => false,
    }
}

fn sends_of_interest(definition: &Definition, pair: &Pair, field: Field) -> bool {
    let or_usual = |slot, usual: &Option<String>| usual.is_some() || has_field(definition, &slot);
    match field {
        Field::Contact => definition.writes.contact() || suits(definition, pair, Target::Contact),
        Field::Form => true,
        Field::Email => has_field(definition, &Slot::Email),
        Field::Phone => has_field(definition, &Slot::Phone) || has_field(definition, &Slot::Mobile),
        Field::Campaign => or_usual(Slot::Campaign, &definition.campaign),
        Field::ProductLine => or_usual(Slot::ProductLine, &definition.product_line),
        Field::Topic => or_usual(Slot::Topic, &definition.topic),
        Field::Account => definition.writes != Writes::None && has_field(definition, &Slot::Company),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::matching::strategy::{Alternative, MatchField};

    fn form(slots: &[&str], more: Value) -> Definition {
        let fields: Vec<Value> = slots.iter().map(|slot| json!({"name": slot, "maps_to": slot})).collect();
        let mut document = json!({"name": "x", "kind": "event", "source": "web", "fields": fields});
        crate::http::patch::merge(&mut document, &more);
        serde_json::from_value(document).unwrap()
    }

    fn by(target: Target, alternatives: &[&[Field]]) -> Strategy {
        let fields =
            |fields: &&[Field]| Alternative { fields: fields.iter().copied().map(MatchField::exact).collect() };
        Strategy { alternatives: alternatives.iter().map(fields).collect(), ..target.default_strategy() }
    }

    fn usual() -> Pair {
        Pair { contact: Target::Contact.default_strategy(), lead: Target::Lead.default_strategy() }
    }

    #[test]
    fn one_alternative_that_can_apply_is_enough() {
        let phone = form(&["contact.phone"], json!({}));
        assert!(!suits(&phone, &usual(), Target::Contact));
        let either = by(Target::Contact, &[&[Field::Email], &[Field::Phone]]);
        assert!(suits(&phone, &Pair { contact: either, ..usual() }, Target::Contact));
        let both = by(Target::Contact, &[&[Field::Email, Field::Phone]]);
        assert!(!suits(&phone, &Pair { contact: both, ..usual() }, Target::Contact));
    }

    #[test]
    fn every_submission_may_have_an_anonymous_id_and_none_an_external_one() {
        let pair = |field| Pair { contact: by(Target::Contact, &[&[field]]), ..usual() };
        let any = form(&["contact.last_name"], json!({}));
        assert!(suits(&any, &pair(Field::AnonymousId), Target::Contact));
        assert!(!suits(&any, &pair(Field::ExternalId), Target::Contact));
    }

    #[test]
    fn a_lead_has_a_contact_when_the_form_writes_contacts_or_could_find_one() {
        let lead = json!({"writes": "lead"});
        assert!(suits(&form(&["contact.last_name"], json!({})), &usual(), Target::Lead));
        assert!(!suits(&form(&["contact.phone"], lead.clone()), &usual(), Target::Lead));
        let by_phone = Pair { contact: by(Target::Contact, &[&[Field::Phone]]), ..usual() };
        assert!(suits(&form(&["contact.phone"], lead), &by_phone, Target::Lead));
    }

    #[test]
    fn what_the_form_says_of_its_leads_counts_as_sent() {
        let pair = Pair { lead: by(Target::Lead, &[&[Field::Email, Field::Campaign]]), ..usual() };
        assert!(!suits(&form(&["contact.email"], json!({})), &pair, Target::Lead));
        assert!(suits(&form(&["contact.email"], json!({"campaign": "spring"})), &pair, Target::Lead));
        assert!(suits(&form(&["contact.email", "lead.campaign"], json!({})), &pair, Target::Lead));
    }

    #[test]
    fn a_form_is_held_only_to_what_it_writes() {
        for (writes, held) in [
            ("contact_and_lead", [true, true]),
            ("contact", [true, false]),
            ("lead", [false, true]),
            ("none", [false; 2]),
        ] {
            let form = form(&["contact.email"], json!({"writes": writes}));
            assert_eq!([Target::Contact, Target::Lead].map(|target| is_held(&form, target)), held, "{writes}");
        }
        let always = form(&["contact.email"], json!({"always_create_lead": true}));
        assert!(!is_held(&always, Target::Lead));
    }
}
