//! Companies (REC-2). A contact belongs to at most one; a lead may be an account's rather than a person's.
//!
//! An account that contacts or leads still refer to is not deleted: 409 says so.

pub mod handlers;
mod repository;

use diesel::prelude::*;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::attributes::{Attributes, AttributesPatch};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::db::page::{SortField, SortKind, Sorted};
use crate::db::types::JsonOf;
use crate::error::{Result, Violation, all_hold};
use crate::http::condition::Condition;
use crate::http::patch;
use crate::id::Id;
use crate::provenance;
use crate::schema::accounts;
use crate::text;

pub use repository::AccountFilter;

/// A company.
#[derive(Clone, Debug, Serialize, ToSchema, Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts, treat_none_as_default_value = false)]
pub struct Account {
    #[serde(skip)]
    pub workspace_id: Id,
    /// Its id.
    pub id: Id,
    /// Its name.
    #[schema(example = "Contoso OÜ")]
    pub name: String,
    #[serde(skip)]
    pub search_key: String,
    /// Its domain on the Internet, in lower case.
    #[schema(example = "contoso.ee")]
    pub domain: Option<String>,
    /// What business it is in.
    #[schema(example = "logistics")]
    pub industry: Option<String>,
    /// People who work there.
    #[schema(example = 250)]
    pub employees: Option<i64>,
    /// What it sells in a year.
    #[diesel(embed)]
    #[serde(rename = "annual_revenue")]
    #[schema(value_type = Option<Money>)]
    pub annual_revenue: AnnualRevenue,
    /// Its country: ISO 3166 alpha-2.
    #[schema(example = "EE")]
    pub country: Option<String>,
    /// Its tax number.
    #[schema(example = "EE100247019")]
    pub tax_id: Option<String>,
    /// Its number in the companies register.
    #[schema(example = "10137025")]
    pub registration_number: Option<String>,
    /// The user who looks after it.
    pub owner_id: Option<Id>,
    /// Custom attributes.
    #[schema(value_type = Attributes)]
    pub attributes: JsonOf<Attributes>,
    /// Grows by one with every change; the `ETag` is made of it.
    #[schema(example = 1)]
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Money in minor units (cents).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The amount in minor units of the currency: 12500 is 125.00 EUR.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_000_i64, example = 12_500)]
    pub amount_minor: i64,
    /// ISO 4217 code.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
}

/// A year's revenue as two columns; together they are [`Money`] or nothing.
#[derive(Clone, Debug, Default, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = accounts, treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct AnnualRevenue {
    pub annual_revenue_minor: Option<i64>,
    pub annual_revenue_currency: Option<String>,
}

impl From<Option<Money>> for AnnualRevenue {
    fn from(money: Option<Money>) -> Self {
        let (minor, currency) = money.map(|money| (money.amount_minor, money.currency)).unzip();
        Self { annual_revenue_minor: minor, annual_revenue_currency: currency }
    }
}

impl Serialize for AnnualRevenue {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let money = self.annual_revenue_minor.zip(self.annual_revenue_currency.clone());
        money.map(|(amount_minor, currency)| Money { amount_minor, currency }).serialize(serializer)
    }
}

/// A new company.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Contoso OÜ", "domain": "contoso.ee", "country": "EE", "employees": 250}))]
pub struct NewAccount {
    /// Its name.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// Its domain on the Internet.
    #[schema(max_length = 253)]
    pub domain: Option<String>,
    /// What business it is in.
    #[schema(max_length = 100)]
    pub industry: Option<String>,
    /// People who work there.
    #[schema(minimum = 0, maximum = 100_000_000)]
    pub employees: Option<i64>,
    /// What it sells in a year.
    pub annual_revenue: Option<Money>,
    /// Its country: ISO 3166 alpha-2.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: Option<String>,
    /// Its tax number.
    #[schema(max_length = 50)]
    pub tax_id: Option<String>,
    /// Its number in the companies register.
    #[schema(max_length = 50)]
    pub registration_number: Option<String>,
    /// The user who looks after it.
    pub owner_id: Option<Id>,
    /// Custom attributes.
    #[serde(default)]
    pub attributes: Attributes,
}

/// Changes to a company: absent fields stay, null clears.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"employees": 300, "industry": null}))]
pub struct AccountPatch {
    /// Its name.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    pub name: Option<String>,
    /// Its domain on the Internet.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 253)]
    pub domain: Option<Option<String>>,
    /// What business it is in.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub industry: Option<Option<String>>,
    /// People who work there.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 100_000_000)]
    pub employees: Option<Option<i64>>,
    /// What it sells in a year.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Money>)]
    pub annual_revenue: Option<Option<Money>>,
    /// Its country: ISO 3166 alpha-2.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{2}$")]
    pub country: Option<Option<String>>,
    /// Its tax number.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 50)]
    pub tax_id: Option<Option<String>>,
    /// Its number in the companies register.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<String>, max_length = 50)]
    pub registration_number: Option<Option<String>>,
    /// The user who looks after it.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<Id>)]
    pub owner_id: Option<Option<Id>>,
    /// Custom attributes to set or, with null, remove.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = AttributesPatch)]
    pub attributes: Option<AttributesPatch>,
}

/// The columns that a change sets; `None` leaves one alone.
#[derive(Default, AsChangeset)]
#[diesel(table_name = accounts)]
struct Changes {
    name: Option<String>,
    search_key: Option<String>,
    domain: Option<Option<String>>,
    industry: Option<Option<String>>,
    employees: Option<Option<i64>>,
    #[diesel(embed)]
    annual_revenue: Option<AnnualRevenue>,
    country: Option<Option<String>>,
    tax_id: Option<Option<String>>,
    registration_number: Option<Option<String>>,
    owner_id: Option<Option<Id>>,
    attributes: Option<JsonOf<Attributes>>,
}

/// The fields that accounts can be ordered by.
pub const SORT_FIELDS: &[SortField] = &[
    SortField::new("created_at", "accounts.created_at", SortKind::Instant),
    SortField::new("updated_at", "accounts.updated_at", SortKind::Instant),
    SortField::new("name", "accounts.search_key", SortKind::Text),
];

impl Sorted for Account {
    fn id(&self) -> Id {
        self.id
    }

    fn sort_value(&self, name: &str) -> String {
        match name {
            "updated_at" => self.updated_at.to_string(),
            "name" => self.search_key.clone(),
            _ => self.created_at.to_string(),
        }
    }
}

/// The account with the name of `new`, or a new one; whether it is new. Whoever does so takes [`turn`] before.
pub fn find_or_create(tx: &mut Tx<'_>, new: &NewAccount) -> Result<(Id, bool)> {
    match tx.accounts().with_name(&text::search_key(&new.name))? {
        Some(known) => Ok((known, false)),
        None => Ok((create(tx, new)?.id, true)),
    }
}

/// The name by which everyone who brings a company of this name takes turns; see [`Tx::take_turns`].
pub fn turn(name: &str) -> String {
    format!("account {}", text::search_key(name))
}

/// Creates an account.
pub fn create(tx: &mut Tx<'_>, new: &NewAccount) -> Result<Account> {
    all_hold(unknown_owner(tx, new.owner_id)?.into_iter().collect())?;
    let at = tx.at();
    let account = Account {
        workspace_id: tx.scope.workspace,
        id: Id::new(at),
        search_key: text::search_key(&new.name),
        name: new.name.clone(),
        domain: new.domain.as_deref().map(domain),
        industry: new.industry.clone(),
        employees: new.employees,
        annual_revenue: new.annual_revenue.clone().into(),
        country: new.country.clone(),
        tax_id: new.tax_id.clone(),
        registration_number: new.registration_number.clone(),
        owner_id: new.owner_id,
        attributes: JsonOf(new.attributes.clone()),
        version: 1,
        created_at: at,
        updated_at: at,
    };
    tx.accounts().insert(&account)?;
    provenance::note_new(tx, account.id, &account)?;
    Ok(account)
}

/// Changes the fields that `patch` names. Nothing changes when it names none.
pub fn change(tx: &mut Tx<'_>, id: Id, patch: &AccountPatch, condition: &Condition) -> Result<Account> {
    let present = tx.accounts().lock(id)?;
    condition.check(present.version)?;
    if *patch == AccountPatch::default() {
        return Ok(present);
    }
    all_hold(unknown_owner(tx, patch.owner_id.flatten())?.into_iter().collect())?;
    let changes = Changes {
        name: patch.name.clone(),
        search_key: patch.name.as_deref().map(text::search_key),
        domain: patch.domain.as_ref().map(|change| change.as_deref().map(domain)),
        industry: patch.industry.clone(),
        employees: patch.employees,
        annual_revenue: patch.annual_revenue.clone().map(AnnualRevenue::from),
        country: patch.country.clone(),
        tax_id: patch.tax_id.clone(),
        registration_number: patch.registration_number.clone(),
        owner_id: patch.owner_id,
        attributes: patch.attributes.as_ref().map(|change| JsonOf(present.attributes.0.clone().changed(change))),
    };
    let account = tx.accounts().update(id, changes)?;
    provenance::note_change(tx, id, &present, &account)?;
    Ok(account)
}

/// Deletes an account that nothing refers to.
pub fn remove(tx: &mut Tx<'_>, id: Id, condition: &Condition) -> Result<()> {
    condition.check(tx.accounts().lock(id)?.version)?;
    tx.accounts().delete(id)?;
    provenance::forget(tx, id)
}

/// What is wrong with naming `owner` as the owner of a record: they must be a user of the workspace, or nobody.
pub fn unknown_owner(tx: &mut Tx<'_>, owner: Option<Id>) -> Result<Option<Violation>> {
    match owner {
        Some(id) if tx.users().find(id)?.is_none() => Ok(Some(Violation::unknown("/owner_id", "user"))),
        _ => Ok(None),
    }
}

fn domain(typed: &str) -> String {
    typed.trim().trim_end_matches('.').to_lowercase()
}
