//! What no two open leads that a strategy would take for one have in common (MAT-5): a short text behind a unique index.

use sha2::{Digest, Sha256};

use super::decide::{Keys, value};
use super::strategy::{Field, Strategy};
use crate::text;

/// The origin of a new lead: what the first applicable alternative compares exactly, as a digest, so that it is short
/// and tells nobody's address. None when nothing could be compared: such leads stand beside each other.
///
/// It names fields and values, not the strategy, so that strategies that agree guard each other.
pub fn origin_key(strategy: &Strategy, incoming: &Keys) -> Option<String> {
    let applicable = strategy.applicable(|field| value(incoming, field).is_some());
    let mut fields: Vec<Field> = applicable.first()?.exact().collect();
    fields.sort();
    let mut digest = Sha256::new();
    for field in fields {
        let key = value(incoming, field)?;
        // With its length before each key, no two lists of keys read alike.
        digest.update(format!("{} {} {key} ", field.name(), key.len()));
    }
    Some(text::hex(&digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::super::strategy::{Alternative, MatchField, Target};
    use super::*;

    fn keys(pairs: &[(Field, &str)]) -> Keys {
        pairs.iter().map(|&(field, key)| (field, key.to_owned())).collect()
    }

    fn by(alternatives: &[&[Field]]) -> Strategy {
        let fields =
            |fields: &&[Field]| Alternative { fields: fields.iter().copied().map(MatchField::exact).collect() };
        Strategy { alternatives: alternatives.iter().map(fields).collect(), ..Target::Lead.default_strategy() }
    }

    #[test]
    fn a_lead_begins_with_a_contact_else_an_address_and_a_form() {
        let usual = Target::Lead.default_strategy();
        let (contact, email, form) = ((Field::Contact, "c1"), (Field::Email, "a@x.ee"), (Field::Form, "f1"));
        let both = origin_key(&usual, &keys(&[contact, email, form]));
        assert!(both.is_some());
        assert_eq!(both, origin_key(&usual, &keys(&[contact, form])));
        let addressed = origin_key(&usual, &keys(&[email, form]));
        assert!(addressed.is_some() && addressed != both);
        assert_eq!(origin_key(&usual, &keys(&[form])), None);
    }

    #[test]
    fn it_follows_the_strategy_whatever_the_order_of_its_fields() {
        let incoming = keys(&[(Field::Email, "a@x.ee"), (Field::Phone, "+3725551"), (Field::Campaign, "spring")]);
        let one = origin_key(&by(&[&[Field::Phone, Field::Campaign]]), &incoming);
        assert_eq!(one, origin_key(&by(&[&[Field::Campaign, Field::Phone], &[Field::Email]]), &incoming));
        assert_ne!(one, origin_key(&by(&[&[Field::Email]]), &incoming));
        let other = keys(&[(Field::Phone, "+3725551"), (Field::Campaign, "autumn")]);
        assert_ne!(one, origin_key(&by(&[&[Field::Phone, Field::Campaign]]), &other));
    }

    #[test]
    fn keys_that_run_into_each_other_stay_apart() {
        let strategy = by(&[&[Field::Email, Field::Campaign]]);
        let origin =
            |email, campaign| origin_key(&strategy, &keys(&[(Field::Email, email), (Field::Campaign, campaign)]));
        assert_ne!(origin("a", "b campaign 1 c"), origin("a campaign 1 b", "c"));
    }
}
