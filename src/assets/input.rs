//! What callers may say of an asset (SCO-13).

use serde::Deserialize;
use utoipa::ToSchema;

use super::{Asset, Entry};
use crate::error::Violation;
use crate::http::patch;
use crate::percent::Percent;

/// The kind of an asset of which none was said.
pub const USUAL_KIND: &str = "other";

/// A new asset.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "key": "white-paper", "name": "White paper on picking routes", "kind": "white_paper", "stage": "awareness",
    "readiness_percent": 30
}))]
pub struct NewAsset {
    /// What interactions carry in `asset`; compared exactly, and never changed.
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub key: String,
    /// Its name for people; the key when left out.
    #[schema(
        min_length = 1,
        max_length = 200,
        nullable = false,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub name: Option<String>,
    /// What it is, such as `white_paper`, `webinar` or `video`; `other` when left out.
    #[schema(pattern = "^[a-z0-9_]{1,64}$", nullable = false)]
    pub kind: Option<String>,
    /// The stage of the buyer's journey that it is made for, such as awareness, consideration or decision.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub stage: Option<String>,
    /// How ready for sales it shows a person to be, in percent of a model's sales-ready score; within ±1000, at most six
    /// decimals.
    #[schema(value_type = Option<f64>, minimum = -1000, maximum = 1000)]
    pub readiness_percent: Option<Percent>,
}

/// Changes to an asset: absent fields stay, null clears.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"readiness_percent": 12.5, "stage": null}))]
pub struct AssetPatch {
    /// Its name for people.
    #[serde(deserialize_with = "patch::present")]
    #[schema(
        value_type = String,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub name: Option<String>,
    /// What it is, such as `white_paper`, `webinar` or `video`.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = String, pattern = "^[a-z0-9_]{1,64}$")]
    pub kind: Option<String>,
    /// The stage of the buyer's journey that it is made for.
    #[serde(deserialize_with = "patch::present")]
    #[schema(
        value_type = Option<String>,
        min_length = 1,
        max_length = 64,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    pub stage: Option<Option<String>>,
    /// How ready for sales it shows a person to be, in percent of a model's sales-ready score; within ±1000, at most six
    /// decimals.
    #[serde(deserialize_with = "patch::present")]
    #[schema(value_type = Option<f64>, minimum = -1000, maximum = 1000)]
    pub readiness_percent: Option<Option<Percent>>,
}

impl NewAsset {
    /// What the register is to say of the asset.
    pub fn entry(&self) -> Entry {
        let usual = Entry::named(&self.key);
        Entry {
            name: self.name.clone().unwrap_or(usual.name),
            kind: self.kind.clone().unwrap_or(usual.kind),
            stage: self.stage.clone(),
            readiness_percent: self.readiness_percent.clone(),
        }
    }
}

impl AssetPatch {
    /// What the register is to say of `asset` after the change.
    pub fn entry(&self, asset: &Asset) -> Entry {
        let present = asset.entry();
        Entry {
            name: self.name.clone().unwrap_or(present.name),
            kind: self.kind.clone().unwrap_or(present.kind),
            stage: self.stage.clone().unwrap_or(present.stage),
            readiness_percent: self.readiness_percent.clone().unwrap_or(present.readiness_percent),
        }
    }
}

/// What is wrong with an asset although each part of it has the right shape.
pub fn broken(key: &str, entry: &Entry) -> Vec<Violation> {
    // A name that nobody gave is the key.
    let name = Some(entry.name.as_str()).filter(|name| *name != key);
    let texts = [("/key", Some(key)), ("/name", name), ("/stage", entry.stage.as_deref())];
    let blank = texts.into_iter().filter_map(|(pointer, text)| Violation::blank(pointer, text?));
    let mut broken: Vec<Violation> = blank.collect();
    if entry.readiness_percent.as_ref().is_some_and(|percent| percent.millionths().is_none()) {
        broken.push(Violation::new("/readiness_percent", "too_precise", "a percentage has at most six decimals"));
    }
    broken
}
