//! The token that a page fetches when it opens a form and sends back with the answers (CAP-5, F07, F15).
//!
//! It tells when the form was opened, is good for one form and 24 hours, and is signed with a key that is good for
//! nothing else; it is no token of the API (A14).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde::{Deserialize, Serialize};

use crate::auth::token::Tokens;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::text::Rejected;

/// Seconds that a token is good for.
pub const LIFE_S: i64 = 24 * 3600;
/// Characters that a token may have.
pub const LONGEST: usize = 500;
/// Seconds that the clocks of instances may differ.
const LEEWAY_S: i64 = 30;
const PURPOSE: &str = "ripen form token 1";

/// What a token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Its own id.
    pub id: Id,
    form: Id,
    /// When the form was opened.
    pub opened_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A token for `form`, opened at `at`, and what it says.
pub fn issue(tokens: &Tokens, form: Id, at: Timestamp) -> Result<(String, Pass), String> {
    let pass = Pass { id: Id::new(at), form, opened_at: at, expires_at: at.plus_seconds(LIFE_S) };
    let said = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&pass).map_err(|e| e.to_string())?);
    let key = EncodingKey::from_secret(tokens.secret_for(PURPOSE)?.as_bytes());
    let signature = crypto::sign(said.as_bytes(), &key, Algorithm::HS256).map_err(|e| e.to_string())?;
    Ok((format!("{said}.{signature}"), pass))
}

/// What `token` says, if it is one of `form` and good at `at`.
pub fn read(tokens: &Tokens, token: &str, form: Id, at: Timestamp) -> Result<Pass, Rejected> {
    let refused = || Rejected::new("invalid_token", "is no token of this form; get one where the form has its tokens");
    let pass = signed(tokens, token).filter(|pass| pass.form == form).ok_or_else(refused)?;
    if pass.opened_at > at.plus_seconds(LEEWAY_S) {
        return Err(refused());
    }
    if pass.expires_at <= at {
        return Err(Rejected::new("expired", "is older than 24 hours; get a new one"));
    }
    Ok(pass)
}

fn signed(tokens: &Tokens, token: &str) -> Option<Pass> {
    let (said, signature) = token.split_once('.').filter(|_| token.len() <= LONGEST)?;
    let key = DecodingKey::from_secret(tokens.secret_for(PURPOSE).ok()?.as_bytes());
    let is_ours = crypto::verify(signature, said.as_bytes(), &key, Algorithm::HS256).ok()?;
    if !is_ours {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_day(20_000);
    const FORM: Id = Id::from_bytes([7; 16]);

    fn tokens() -> Tokens {
        Tokens::new(b"0123456789abcdef0123456789abcdef").unwrap()
    }

    fn code(token: &str, form: Id, at: Timestamp) -> Result<Pass, &'static str> {
        read(&tokens(), token, form, at).map_err(|why| why.code)
    }

    #[test]
    fn a_token_is_good_for_its_form_and_a_day() {
        let (token, pass) = issue(&tokens(), FORM, AT).unwrap();
        assert!(token.len() <= LONGEST);
        assert_eq!(code(&token, FORM, AT), Ok(pass));
        assert_eq!(code(&token, FORM, AT.plus_seconds(LIFE_S - 1)), Ok(pass));
        assert_eq!(code(&token, FORM, AT.plus_seconds(LIFE_S)), Err("expired"));
        assert_eq!(code(&token, FORM, AT.plus_seconds(-31)), Err("invalid_token"));
        assert_eq!(code(&token, Id::NIL, AT), Err("invalid_token"));
    }

    #[test]
    fn what_is_changed_cut_or_signed_by_others_is_no_token() {
        let (token, _) = issue(&tokens(), FORM, AT).unwrap();
        let (said, signature) = token.split_once('.').unwrap();
        let strange = Tokens::new(b"another secret of enough bytes ok").unwrap();
        let long_lived = r#"{"id":"x","form":"x","opened_at":"x","expires_at":"2199-01-01T00:00:00Z"}"#;
        for bad in [
            String::new(),
            ".".to_owned(),
            said.to_owned(),
            format!("{said}."),
            format!("{said}.{}", signature.get(1..).unwrap()),
            format!("{said}x.{signature}"),
            format!("{}.{signature}", URL_SAFE_NO_PAD.encode(long_lived)),
            format!("{token}.{signature}"),
            issue(&strange, FORM, AT).unwrap().0,
            "a".repeat(100_000),
        ] {
            assert_eq!(code(&bad, FORM, AT), Err("invalid_token"), "{bad}");
        }
    }

    #[test]
    fn no_two_tokens_are_one() {
        let issued = || issue(&tokens(), FORM, AT).unwrap().1.id;
        assert_ne!(issued(), issued());
    }
}
