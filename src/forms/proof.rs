//! What proves that a consent was given (F14): when, to which text, from where, with which program.
//!
//! The address is kept as a hash of its own in every workspace: it can be compared with an address in question, also
//! when the submission itself has long been erased.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::definition::{Definition, Purpose};
use super::reading::Reading;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::text::sha256;

/// What proves that a consent was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsentProof {
    /// What it is for.
    pub purpose: Purpose,
    /// When it was given.
    pub at: Timestamp,
    /// The version of the text that was shown.
    #[schema(example = "2026-03")]
    pub text_version: Option<String>,
    /// SHA-256 of that text, in hexadecimal.
    pub text_sha256: Option<String>,
    /// SHA-256 of the workspace's id, a space and the network address, in hexadecimal.
    pub address_sha256: Option<String>,
    /// The program it was given with, as it calls itself.
    pub user_agent: Option<String>,
}

/// The proofs of all consents that `reading` gives.
pub fn of(
    definition: &Definition,
    reading: &Reading,
    at: Timestamp,
    address_sha256: Option<&str>,
    user_agent: Option<&str>,
) -> Vec<ConsentProof> {
    let proof = |purpose: &Purpose| {
        let asked = definition.consents.iter().find(|asked| asked.purpose == *purpose);
        ConsentProof {
            purpose: *purpose,
            at,
            text_version: asked.and_then(|asked| asked.text_version.clone()),
            text_sha256: asked.and_then(|asked| asked.text.as_deref()).map(sha256),
            address_sha256: address_sha256.map(str::to_owned),
            user_agent: user_agent.map(str::to_owned),
        }
    };
    reading.granted.iter().map(proof).collect()
}

/// The hash by which a workspace keeps an address.
pub fn address_hash(workspace: Id, address: &str) -> String {
    sha256(&format!("{workspace} {address}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_another_hash_in_every_workspace() {
        let (one, other) = (Id::NIL, Id::from_bytes([1; 16]));
        assert_eq!(address_hash(one, "203.0.113.7"), address_hash(one, "203.0.113.7"));
        assert_ne!(address_hash(one, "203.0.113.7"), address_hash(other, "203.0.113.7"));
        assert_ne!(address_hash(one, "203.0.113.7"), address_hash(one, "203.0.113.8"));
        assert_eq!(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
