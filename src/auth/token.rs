//! Tokens of the built-in issuer (C4): compact JWS, HS256, type `at+jwt`, everything about them checked against the
//! service's own clock. The key is never chosen by what a token says of itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::id::Id;

/// Who issues.
pub const ISSUER: &str = "ripen";
/// Whom tokens are for.
pub const AUDIENCE: &str = "ripen-api";
/// Bytes a secret must have at least.
pub const SHORTEST_SECRET: usize = 32;
/// Seconds that clocks may differ.
const LEEWAY_S: i64 = 30;
/// Seconds that a token may live.
pub const LONGEST_LIFE_S: i64 = 24 * 3600;
/// Bytes that a token may have.
const LONGEST: usize = 8 * 1024;
const TYPE: &str = "at+jwt";

/// Whether a person or a program stands behind a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKind {
    User,
    Client,
}

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// The user or client.
    pub sub: Id,
    /// Which of the two.
    pub kind: PrincipalKind,
    /// The workspace.
    pub workspace: Id,
    /// Scopes, separated by spaces.
    pub scope: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// Issues and checks tokens.
pub struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Tokens {
    /// Tokens signed with `secret`, of at least [`SHORTEST_SECRET`] bytes. Signs and checks one at once, so that a
    /// build without working cryptography does not start.
    pub fn new(secret: &[u8]) -> Result<Self, String> {
        if secret.len() < SHORTEST_SECRET {
            return Err(format!("the token secret must have at least {SHORTEST_SECRET} bytes"));
        }
        let tokens = Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret) };
        let at = Timestamp::from_day(20_000);
        let token = tokens.issue(Id::NIL, Id::NIL, PrincipalKind::User, "", at, 60)?;
        tokens.check(&token, at).ok_or("tokens cannot be signed and checked on this machine")?;
        Ok(tokens)
    }

    /// A secret for another purpose, derived from the one that signs the tokens: neither opens what is the other's.
    pub fn secret_for(&self, purpose: &str) -> Result<String, String> {
        jsonwebtoken::crypto::sign(purpose.as_bytes(), &self.encoding, Algorithm::HS256).map_err(|e| e.to_string())
    }

    /// A token for `sub` in `workspace`, good for `life_s` seconds from `at` and no longer than a day.
    pub fn issue(
        &self,
        workspace: Id,
        sub: Id,
        kind: PrincipalKind,
        scope: &str,
        at: Timestamp,
        life_s: i64,
    ) -> Result<String, String> {
        let iat = at.seconds();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub,
            kind,
            workspace,
            scope: scope.to_owned(),
            iat,
            exp: iat + life_s.min(LONGEST_LIFE_S),
            nbf: None,
        };
        let header = Header { typ: Some(TYPE.to_owned()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|e| e.to_string())
    }

    /// What a token says, if it is one of ours and good at `at`. A caller hears no reason.
    pub fn check(&self, token: &str, at: Timestamp) -> Option<Claims> {
        if token.len() > LONGEST || token.bytes().filter(|&b| b == b'.').count() != 2 || !has_our_header(token) {
            return None;
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // The times are checked below, against the service's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation).ok()?.claims;
        claims.is_good_at(at.seconds()).then_some(claims)
    }
}

impl Claims {
    fn is_good_at(&self, now: i64) -> bool {
        let life = self.exp.checked_sub(self.iat);
        now < self.exp.saturating_add(LEEWAY_S)
            && self.iat <= now.saturating_add(LEEWAY_S)
            && self.nbf.is_none_or(|nbf| nbf <= now.saturating_add(LEEWAY_S))
            && life.is_some_and(|life| (0..=LONGEST_LIFE_S).contains(&life))
    }
}

/// Whether the header is exactly what we write: our algorithm and type, and no extension that must be understood.
fn has_our_header(token: &str) -> bool {
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<Value> = header.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    header.is_some_and(|header| {
        header["alg"] == "HS256" && header["typ"] == TYPE && header.get("crit").is_none() && header.get("b64").is_none()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_day(20_000).plus_seconds(seconds)
    }

    fn token(tokens: &Tokens) -> String {
        tokens.issue(Id::NIL, Id::NIL, PrincipalKind::User, "leads:read", at(0), 900).unwrap()
    }

    fn forged(header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(SECRET), Algorithm::HS256);
        format!("{signed}.{}", signature.unwrap())
    }

    fn claims() -> Value {
        let now = at(0).seconds();
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": Id::NIL, "kind": "user", "workspace": Id::NIL, "scope": "", "iat": now, "exp": now + 900})
    }

    #[test]
    fn a_token_is_good_until_half_a_minute_after_its_end() {
        let tokens = Tokens::new(SECRET).unwrap();
        let token = token(&tokens);
        assert!(tokens.check(&token, at(900 + 29)).is_some());
        assert!(tokens.check(&token, at(900 + 31)).is_none());
        assert!(tokens.check(&token, at(-29)).is_some());
        assert!(tokens.check(&token, at(-31)).is_none());
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Tokens::new(b"secret").is_err());
    }

    #[test]
    fn a_token_signed_with_another_secret_is_no_token() {
        let other = Tokens::new(b"another secret of enough bytes ok").unwrap();
        assert!(Tokens::new(SECRET).unwrap().check(&token(&other), at(0)).is_none());
    }

    #[test]
    fn only_our_algorithm_and_type_without_extensions_are_taken() {
        let tokens = Tokens::new(SECRET).unwrap();
        assert!(tokens.check(&forged(&json!({"alg": "HS256", "typ": TYPE}), &claims()), at(0)).is_some());
        for header in [
            json!({"alg": "none", "typ": TYPE}),
            json!({"alg": "nOnE", "typ": TYPE}),
            json!({"alg": "", "typ": TYPE}),
            json!({"alg": ["HS256"], "typ": TYPE}),
            json!({"typ": TYPE}),
            json!({"alg": "HS512", "typ": TYPE}),
            json!({"alg": "HS256", "typ": "JWT"}),
            json!({"alg": "HS256"}),
            json!({"alg": "HS256", "typ": TYPE, "crit": ["exp"]}),
            json!({"alg": "HS256", "typ": TYPE, "b64": false}),
        ] {
            assert!(tokens.check(&forged(&header, &claims()), at(0)).is_none(), "{header}");
        }
    }

    #[test]
    fn claims_of_the_wrong_type_or_missing_make_no_token() {
        let tokens = Tokens::new(SECRET).unwrap();
        let header = json!({"alg": "HS256", "typ": TYPE});
        for (name, value) in [
            ("exp", json!(null)),
            ("exp", json!(1e300)),
            ("exp", json!(-1)),
            ("exp", json!(1.5)),
            ("exp", json!("soon")),
            ("exp", json!(at(0).seconds() + LONGEST_LIFE_S + 1)),
            ("iat", json!(null)),
            ("iss", json!("someone")),
            ("aud", json!("another-api")),
            ("sub", json!("me")),
            ("workspace", json!(null)),
            ("nbf", json!(at(60).seconds())),
        ] {
            let mut claims = claims();
            claims[name] = value;
            assert!(tokens.check(&forged(&header, &claims), at(0)).is_none(), "{name}: {}", claims[name]);
        }
    }

    #[test]
    fn a_changed_byte_or_cut_signature_makes_no_token() {
        let tokens = Tokens::new(SECRET).unwrap();
        let good = token(&tokens);
        let (signed, signature) = good.rsplit_once('.').unwrap();
        for bad in [
            format!("{signed}."),
            format!("{signed}.{}", &signature[..1]),
            format!("{signed}.{}", &signature[..signature.len() - 1]),
            format!("{good}="),
            format!("{signed}x.{signature}"),
            signed.to_owned(),
            format!("{good}.{signature}.{signature}"),
            "a".repeat(100_000),
        ] {
            assert!(tokens.check(&bad, at(0)).is_none());
        }
    }
}
