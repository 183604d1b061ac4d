//! JSON Web Tokens: signs and verifies access and refresh tokens with `SimpleJWT`'s claims.
//!
//! The algorithm is HS256 whatever a header says (RFC 8725 section 3.1); time is the house clock's.
//! **Never:** which user may what, or whether a sign-in still lives; that is asked of the database.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, NaiveDateTime};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::auth::identity::Role;
use crate::auth::secret;
use crate::clock;
use crate::ids::{LoginId, UserId};

/// Longest token looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 4096;
/// How far another machine's clock may differ from ours, in seconds.
pub const LEEWAY_S: i64 = 5;
/// The last second of the year 9999; a later `exp` is a mistake or an attack.
const LATEST_S: i64 = 253_402_300_799;
/// `{"alg":"HS256","typ":"JWT"}`, the header that we and `SimpleJWT` write.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What [`Tokens`] needs to know.
#[derive(Clone)]
pub struct TokenSettings {
    /// The first signs, all verify.
    pub keys: Vec<String>,
    pub access_ttl: Duration,
    pub refresh_ttl: Duration,
    /// Written as `aud`, and demanded, when set.
    pub audience: Option<String>,
    /// Written as `iss`, and demanded, when set.
    pub issuer: Option<String>,
}

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// Short-lived; opens sockets and REST.
    Access,
    /// Long-lived; good for new access tokens only.
    Refresh,
}

impl TokenKind {
    /// The value of the `token_type` claim.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
        }
    }
}

/// For whom a token is issued.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub user: UserId,
    pub username: &'a str,
    pub role: Role,
}

/// A freshly signed token. Its `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Issued {
    pub token: String,
    pub expires_at: NaiveDateTime,
    /// The token's own id, 32 hexadecimal digits.
    pub jti: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("expires_at", &self.expires_at)
            .field("jti", &self.jti)
            .finish_non_exhaustive()
    }
}

/// What a verified token says. Signature, kind, times, audience and issuer have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    pub user: UserId,
    /// The sign-in it belongs to; `None` when another program signed it with our key.
    pub login: Option<LoginId>,
    /// When it was made, in Unix seconds; 0 when it does not say.
    pub issued_at_s: i64,
    pub expires_at: NaiveDateTime,
    pub jti: String,
}

/// Why a token is not accepted. The sentence may be shown to its bearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the token is not well-formed")]
    Malformed,
    #[error("the token is longer than 4096 bytes")]
    TooLong,
    #[error("the token is not signed with HS256")]
    WrongAlgorithm,
    #[error("the token was not signed here")]
    BadSignature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is not valid yet")]
    NotYetValid,
    #[error("the token is of the wrong kind")]
    WrongKind,
    #[error("the token is for another audience")]
    WrongAudience,
    #[error("the token is from another issuer")]
    WrongIssuer,
}

impl TokenFault {
    /// A short name for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::TooLong => "token_too_long",
            Self::WrongAlgorithm => "token_algorithm",
            Self::BadSignature => "token_signature",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::WrongKind => "token_kind",
            Self::WrongAudience => "token_audience",
            Self::WrongIssuer => "token_issuer",
        }
    }
}

#[derive(Serialize)]
struct WrittenClaims<'a> {
    token_type: &'static str,
    exp: i64,
    iat: i64,
    jti: &'a str,
    user_id: i64,
    sid: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
}

// A derived struct refuses duplicate keys, so no two readers can see different claims.
#[derive(Deserialize)]
struct ReadClaims {
    token_type: String,
    exp: serde_json::Number,
    iat: Option<serde_json::Number>,
    nbf: Option<serde_json::Number>,
    jti: String,
    user_id: UserId,
    sid: Option<LoginId>,
    aud: Option<Audience>,
    iss: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn holds(&self, wanted: &str) -> bool {
        match self {
            Self::One(name) => name == wanted,
            Self::Several(names) => names.iter().any(|name| name == wanted),
        }
    }
}

#[derive(Deserialize)]
struct ReadHeader {
    alg: String,
    /// RFC 7515 section 4.1.11: who does not understand an extension listed here must refuse.
    crit: Option<IgnoredAny>,
}

/// Signs and verifies. Made once; cheap to ask from any thread.
pub struct Tokens {
    signing: EncodingKey,
    verifying: Vec<DecodingKey>,
    settings: TokenSettings,
}

impl Tokens {
    /// Prepares the keys. Their strength is the settings' concern; with none, nothing verifies.
    pub fn new(settings: TokenSettings) -> Self {
        let signing_key = settings.keys.first().map_or("", String::as_str);
        Self {
            signing: EncodingKey::from_secret(signing_key.as_bytes()),
            verifying: settings
                .keys
                .iter()
                .map(|key| DecodingKey::from_secret(key.as_bytes()))
                .collect(),
            settings,
        }
    }

    /// Signs an access token for `login`.
    pub fn issue_access(&self, holder: &Holder<'_>, login: LoginId) -> Issued {
        self.issue(TokenKind::Access, holder, login)
    }

    /// Signs a refresh token for `login`.
    pub fn issue_refresh(&self, holder: &Holder<'_>, login: LoginId) -> Issued {
        self.issue(TokenKind::Refresh, holder, login)
    }

    #[expect(clippy::expect_used, reason = "HMAC takes any key, and these claims are plain JSON")]
    fn issue(&self, kind: TokenKind, holder: &Holder<'_>, login: LoginId) -> Issued {
        let is_access = kind == TokenKind::Access;
        let ttl = if is_access { self.settings.access_ttl } else { self.settings.refresh_ttl };
        let iat = clock::now_unix_s();
        let exp = iat.saturating_add_unsigned(ttl.as_secs()).min(LATEST_S);
        let jti = secret::token_id();
        let claims = WrittenClaims {
            token_type: kind.as_str(),
            exp,
            iat,
            jti: &jti,
            user_id: holder.user.0,
            sid: login.0,
            username: is_access.then_some(holder.username),
            role: is_access.then_some(holder.role),
            aud: self.settings.audience.as_deref(),
            iss: self.settings.issuer.as_deref(),
        };
        let payload = serde_json::to_vec(&claims).expect("claims are written as JSON");
        let mut token = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(payload));
        let signature = crypto::sign(token.as_bytes(), &self.signing, Algorithm::HS256)
            .expect("HMAC signs with any key");
        token.push('.');
        token.push_str(&signature);
        let expires_at = DateTime::from_timestamp(exp, 0).unwrap_or_default().naive_utc();
        Issued { token, expires_at, jti }
    }

    /// Reads a token and checks all of it but whether its sign-in still lives.
    ///
    /// # Errors
    /// The first [`TokenFault`] met; of a badly signed token only the header is read.
    pub fn verify(&self, token: &str, kind: TokenKind) -> Result<Claims, TokenFault> {
        self.verify_at(token, kind, clock::now_unix_s())
    }

    fn verify_at(&self, token: &str, kind: TokenKind, now_s: i64) -> Result<Claims, TokenFault> {
        let payload = self.signed_payload(token)?;
        let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenFault::Malformed)?;
        let read: ReadClaims =
            serde_json::from_slice(&payload).map_err(|_| TokenFault::Malformed)?;
        if read.token_type != kind.as_str() {
            return Err(TokenFault::WrongKind);
        }
        let exp = moment_s(&read.exp).ok_or(TokenFault::Malformed)?;
        if now_s >= exp.saturating_add(LEEWAY_S) {
            return Err(TokenFault::Expired);
        }
        let issued_at_s = optional_moment_s(read.iat.as_ref())?.unwrap_or(0);
        let not_before_s = optional_moment_s(read.nbf.as_ref())?.unwrap_or(0);
        if issued_at_s.max(not_before_s) > now_s.saturating_add(LEEWAY_S) {
            return Err(TokenFault::NotYetValid);
        }
        if let Some(wanted) = &self.settings.audience
            && !read.aud.as_ref().is_some_and(|audience| audience.holds(wanted))
        {
            return Err(TokenFault::WrongAudience);
        }
        if self.settings.issuer.is_some() && self.settings.issuer != read.iss {
            return Err(TokenFault::WrongIssuer);
        }
        if read.jti.is_empty() || read.jti.len() > 255 {
            return Err(TokenFault::Malformed);
        }
        let expires_at = DateTime::from_timestamp(exp, 0).ok_or(TokenFault::Malformed)?.naive_utc();
        Ok(Claims { user: read.user_id, login: read.sid, issued_at_s, expires_at, jti: read.jti })
    }

    /// The encoded claims of `token`, once a key of ours has been found to have signed them.
    fn signed_payload<'a>(&self, token: &'a str) -> Result<&'a str, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenFault::Malformed)?;
        if payload.contains('.') {
            return Err(TokenFault::Malformed);
        }
        if header != HEADER {
            check_header(header)?;
        }
        let is_signed = self.verifying.iter().any(|key| {
            crypto::verify(signature, message.as_bytes(), key, Algorithm::HS256).unwrap_or(false)
        });
        if is_signed { Ok(payload) } else { Err(TokenFault::BadSignature) }
    }
}

fn check_header(encoded: &str) -> Result<(), TokenFault> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenFault::Malformed)?;
    let header: ReadHeader = serde_json::from_slice(&bytes).map_err(|_| TokenFault::Malformed)?;
    if header.alg != "HS256" {
        return Err(TokenFault::WrongAlgorithm);
    }
    if header.crit.is_some() { Err(TokenFault::Malformed) } else { Ok(()) }
}

/// RFC 7519 `NumericDate`: seconds, perhaps with a fraction, which is dropped.
fn moment_s(number: &serde_json::Number) -> Option<i64> {
    if let Some(seconds) = number.as_i64() {
        return (0..=LATEST_S).contains(&seconds).then_some(seconds);
    }
    let seconds = number.as_f64()?;
    #[expect(clippy::cast_precision_loss, reason = "the year 9999 is far below 2^53 seconds")]
    let latest = LATEST_S as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the range has just been checked")]
    (0.0..=latest).contains(&seconds).then_some(seconds as i64)
}

fn optional_moment_s(number: Option<&serde_json::Number>) -> Result<Option<i64>, TokenFault> {
    number.map(|number| moment_s(number).ok_or(TokenFault::Malformed)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a-key-for-tests-of-at-least-32-bytes";
    const NOW_S: i64 = 1_795_225_000;

    fn tokens() -> Tokens {
        with(&[KEY], None, None)
    }

    fn with(keys: &[&str], audience: Option<&str>, issuer: Option<&str>) -> Tokens {
        Tokens::new(TokenSettings {
            keys: keys.iter().map(ToString::to_string).collect(),
            access_ttl: Duration::from_secs(900),
            refresh_ttl: Duration::from_secs(86_400),
            audience: audience.map(str::to_owned),
            issuer: issuer.map(str::to_owned),
        })
    }

    fn holder() -> Holder<'static> {
        Holder { user: UserId(7), username: "alice", role: Role::Member }
    }

    fn forge(header: &str, claims: &str, key: &str) -> String {
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let key = EncodingKey::from_secret(key.as_bytes());
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    fn signed(claims: &str) -> String {
        forge(r#"{"alg":"HS256","typ":"JWT"}"#, claims, KEY)
    }

    fn outcome(claims: &str) -> Result<Claims, TokenFault> {
        tokens().verify_at(&signed(claims), TokenKind::Access, NOW_S)
    }

    fn claims(more: &str) -> String {
        format!(
            r#"{{"token_type":"access","jti":"{}","user_id":1{more}}}"#,
            "0123456789abcdef0123456789abcdef"
        )
    }

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/fixtures/django_vectors.json")).unwrap()
    }

    #[test]
    fn what_is_issued_verifies_and_names_its_sign_in() {
        let tokens = tokens();
        let issued = tokens.issue_access(&holder(), LoginId(9));
        let claims = tokens.verify(&issued.token, TokenKind::Access).unwrap();
        assert_eq!((claims.user, claims.login), (UserId(7), Some(LoginId(9))));
        assert_eq!((claims.expires_at, claims.jti), (issued.expires_at, issued.jti));
        let refresh = tokens.issue_refresh(&holder(), LoginId(9));
        assert!(tokens.verify(&refresh.token, TokenKind::Refresh).is_ok());
    }

    #[test]
    fn the_claims_written_are_those_of_simple_jwt_and_ours() {
        let tokens = tokens();
        let payload = |token: &str| -> serde_json::Value {
            let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        };
        let names = |value: &serde_json::Value| {
            let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names.join(" ")
        };
        let access = payload(&tokens.issue_access(&holder(), LoginId(9)).token);
        assert_eq!(names(&access), "exp iat jti role sid token_type user_id username");
        assert_eq!((&access["user_id"], &access["role"]), (&7.into(), &"member".into()));
        let refresh = payload(&tokens.issue_refresh(&holder(), LoginId(9)).token);
        assert_eq!(names(&refresh), "exp iat jti sid token_type user_id");
        assert_eq!(refresh["jti"].as_str().unwrap().len(), 32);
    }

    #[test]
    fn tokens_made_by_simple_jwt_are_accepted() {
        let vectors = vectors();
        let tokens = with(&[vectors["SECRET_KEY"].as_str().unwrap()], None, None);
        for (name, kind) in [("access", TokenKind::Access), ("refresh", TokenKind::Refresh)] {
            let token = vectors["jwt"][name].as_str().unwrap();
            let said = &vectors["jwt"][format!("{name}_claims")];
            let iat = said["iat"].as_i64().unwrap();
            let claims = tokens.verify_at(token, kind, iat + 1).unwrap();
            assert_eq!((claims.user, claims.login), (UserId(1), None));
            assert_eq!(
                (claims.jti.as_str(), claims.issued_at_s),
                (said["jti"].as_str().unwrap(), iat)
            );
            let exp = said["exp"].as_i64().unwrap();
            assert_eq!(tokens.verify_at(token, kind, exp + 6), Err(TokenFault::Expired));
        }
        let sliding = vectors["jwt"]["sliding"].as_str().unwrap();
        let iat = vectors["jwt"]["sliding_claims"]["iat"].as_i64().unwrap();
        assert_eq!(tokens.verify_at(sliding, TokenKind::Access, iat), Err(TokenFault::WrongKind));
    }

    #[test]
    fn a_refresh_token_is_not_an_access_token_nor_the_other_way_round() {
        let tokens = tokens();
        let refresh = tokens.issue_refresh(&holder(), LoginId(9)).token;
        assert_eq!(tokens.verify(&refresh, TokenKind::Access), Err(TokenFault::WrongKind));
        let access = tokens.issue_access(&holder(), LoginId(9)).token;
        assert_eq!(tokens.verify(&access, TokenKind::Refresh), Err(TokenFault::WrongKind));
    }

    #[test]
    fn the_algorithm_is_never_taken_from_the_header() {
        let good = claims(&format!(r#","exp":{}"#, NOW_S + 60));
        for alg in ["none", "None", "nOnE", "NONE", "HS384", "HS512", "RS256", "ES256", "hs256", ""]
        {
            let header = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
            let token = forge(&header, &good, KEY);
            let bare = token.rsplit_once('.').unwrap().0.to_owned() + ".";
            for token in [token, bare] {
                assert_eq!(
                    tokens().verify_at(&token, TokenKind::Access, NOW_S),
                    Err(TokenFault::WrongAlgorithm),
                    "{alg}"
                );
            }
        }
        for header in [
            r#"{"alg":"HS256","crit":["exp"]}"#,
            r#"{"alg":"HS256","alg":"none"}"#,
            r#"{"alg":null}"#,
            "{}",
            "[]",
            "",
        ] {
            assert_eq!(
                tokens().verify_at(&forge(header, &good, KEY), TokenKind::Access, NOW_S),
                Err(TokenFault::Malformed),
                "{header}"
            );
        }
        let header = r#"{"typ":"JWT","alg":"HS256","kid":"../../dev/null","jku":"http://x"}"#;
        let token = forge(header, &good, KEY);
        assert!(tokens().verify_at(&token, TokenKind::Access, NOW_S).is_ok());
    }

    #[test]
    fn expiry_and_start_allow_five_seconds_and_must_be_sane_numbers() {
        let exp = |value: &str| outcome(&claims(&format!(r#","exp":{value}"#))).map(|_| ());
        assert_eq!(exp(&(NOW_S - 4).to_string()), Ok(()));
        assert_eq!(exp(&(NOW_S - 6).to_string()), Err(TokenFault::Expired));
        assert_eq!(exp(&format!("{}.5", NOW_S + 60)), Ok(()));
        for bad in ["\"1795311123\"", "-1", "1e300", "1e400", "null", "[]", "{}", "true", "NaN"] {
            assert_eq!(exp(bad), Err(TokenFault::Malformed), "{bad}");
        }
        assert_eq!(exp(&i64::MAX.to_string()), Err(TokenFault::Malformed));
        assert_eq!(exp(&u64::MAX.to_string()), Err(TokenFault::Malformed));
        assert_eq!(outcome(&claims("")), Err(TokenFault::Malformed));

        let good = format!(r#","exp":{}"#, NOW_S + 60);
        for name in ["nbf", "iat"] {
            let from =
                |start: i64| outcome(&claims(&format!(r#"{good},"{name}":{start}"#))).map(|_| ());
            assert_eq!(from(NOW_S + 4), Ok(()));
            assert_eq!(from(NOW_S + 3600), Err(TokenFault::NotYetValid));
            let bad = claims(&format!(r#"{good},"{name}":"soon""#));
            assert_eq!(outcome(&bad), Err(TokenFault::Malformed));
        }
    }

    #[test]
    fn user_id_is_a_number_or_a_numeric_string() {
        let good = |id: &str| {
            let text = format!(
                r#"{{"token_type":"access","jti":"x","exp":{},"user_id":{id}}}"#,
                NOW_S + 60
            );
            outcome(&text).map(|claims| claims.user.0)
        };
        assert_eq!(good("42"), Ok(42));
        assert_eq!(good("\"42\""), Ok(42));
        for bad in ["0", "-1", "1.5", "\"1 or 1=1\"", "null", "\"\"", "[1]", "9007199254740992"] {
            assert_eq!(good(bad), Err(TokenFault::Malformed), "{bad}");
        }
    }

    #[test]
    fn duplicate_claims_deep_json_and_long_tokens_are_refused() {
        let good = format!(r#","exp":{}"#, NOW_S + 60);
        assert_eq!(outcome(&claims(&format!("{good},\"user_id\":2"))), Err(TokenFault::Malformed));
        let deep = format!(r#"{good},"aud":{}{}"#, "[".repeat(1000), "]".repeat(1000));
        assert_eq!(outcome(&claims(&deep)), Err(TokenFault::Malformed));
        let long = "a".repeat(1 << 20);
        assert_eq!(tokens().verify(&long, TokenKind::Access), Err(TokenFault::TooLong));
        let padded = signed(&claims(&format!(r#"{good},"pad":"{long}""#)));
        assert_eq!(tokens().verify(&padded, TokenKind::Access), Err(TokenFault::TooLong));
    }

    #[test]
    fn scraps_never_panic_and_are_never_accepted() {
        let token = tokens().issue_access(&holder(), LoginId(9)).token;
        let mut scraps: Vec<String> =
            ["", ".", "..", "...", "a.b.c", "é.é.é", "Bearer x"].map(String::from).to_vec();
        scraps.extend((0..token.len()).map(|end| token[..end].to_owned()));
        scraps.extend((0..token.len()).map(|at| {
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            format!("{}{other}{}", &token[..at], &token[at + 1..])
        }));
        scraps.push(format!("{token}.x"));
        scraps.push(format!("{token}="));
        for scrap in scraps {
            assert!(tokens().verify(&scrap, TokenKind::Access).is_err(), "{scrap}");
        }
    }

    #[test]
    fn the_first_key_signs_and_every_key_verifies() {
        let old = tokens().issue_access(&holder(), LoginId(9)).token;
        let new = "another-key-for-tests-of-32-bytes-or-more";
        let rotated = with(&[new, KEY], None, None);
        assert!(rotated.verify(&old, TokenKind::Access).is_ok());
        let fresh = rotated.issue_access(&holder(), LoginId(9)).token;
        assert_eq!(tokens().verify(&fresh, TokenKind::Access), Err(TokenFault::BadSignature));
        let removed = with(&[new], None, None);
        assert_eq!(removed.verify(&old, TokenKind::Access), Err(TokenFault::BadSignature));
        assert_eq!(
            with(&[], None, None).verify(&fresh, TokenKind::Access),
            Err(TokenFault::BadSignature)
        );
    }

    #[test]
    fn audience_and_issuer_are_demanded_when_set() {
        let strict = with(&[KEY], Some("rooms"), Some("us"));
        assert!(
            strict
                .verify(&strict.issue_access(&holder(), LoginId(9)).token, TokenKind::Access)
                .is_ok()
        );
        let check = |more: &str| {
            let text = claims(&format!(r#","exp":{}{more}"#, NOW_S + 60));
            strict.verify_at(&signed(&text), TokenKind::Access, NOW_S).map(|_| ())
        };
        assert_eq!(check(r#","aud":["other","rooms"],"iss":"us""#), Ok(()));
        assert_eq!(check(r#","aud":"other","iss":"us""#), Err(TokenFault::WrongAudience));
        assert_eq!(check(r#","aud":[],"iss":"us""#), Err(TokenFault::WrongAudience));
        assert_eq!(check(r#","iss":"us""#), Err(TokenFault::WrongAudience));
        assert_eq!(check(r#","aud":"rooms""#), Err(TokenFault::WrongIssuer));
        assert_eq!(check(r#","aud":"rooms","iss":"them""#), Err(TokenFault::WrongIssuer));
    }
}
