//! A lead and what belongs to it, as conditions ask about them: JSON objects with the API's field names.

use serde::Serialize;
use serde_json::Value;

use super::Lead;
use crate::accounts::Account;
use crate::contacts::Contact;
use crate::error::{Error, Result};
use crate::filter::Records;

/// What conditions see of a lead, its contact and its account.
pub fn records(lead: &Lead, contact: Option<&Contact>, account: Option<&Account>) -> Result<Records> {
    Ok(Records {
        lead: record(lead)?,
        contact: contact.map(record).transpose()?,
        account: account.map(money).transpose()?,
    })
}

fn record(row: &impl Serialize) -> Result<Value> {
    serde_json::to_value(row).map_err(Error::internal)
}

/// An account as conditions ask about it: amount and currency each by its own name.
fn money(account: &Account) -> Result<Value> {
    let mut value = record(account)?;
    if let Value::Object(members) = &mut value {
        let revenue = &account.annual_revenue;
        members.insert("annual_revenue_minor".to_owned(), revenue.annual_revenue_minor.into());
        members.insert("annual_revenue_currency".to_owned(), revenue.annual_revenue_currency.clone().into());
    }
    Ok(value)
}
