//! The secret that clients of a server have to know.

use axum::http::{HeaderMap, StatusCode, header};
use icecap::advanced::foundation::Digest;
use subtle::ConstantTimeEq;

use crate::refusal::Refusal;

/// The shortest secret that is taken: what is shorter can be guessed.
const SHORTEST: usize = 16;
/// The longest: it has to go into a header.
const LONGEST: usize = 4096;

/// A bearer token, of which only the hash is kept.
#[derive(Clone)]
pub struct Token(Digest);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// Takes the token from the text of a file: all of it, without the spaces and line ends around it.
    ///
    /// # Errors
    /// A sentence that says what is wrong, for a text that is shorter than 16 characters, longer than 4,096, or has
    /// characters that a header cannot carry.
    pub fn read(text: &str) -> Result<Self, String> {
        let token = text.trim();
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is one word of ASCII letters, digits and signs".to_owned());
        }
        if !(SHORTEST..=LONGEST).contains(&token.len()) {
            return Err(format!(
                "the token has {} characters; use {SHORTEST} to {LONGEST}, drawn at random",
                token.len()
            ));
        }
        Ok(Self(Digest::of(token.as_bytes())))
    }

    /// Lets a request in that bears the token. How long that takes tells nothing of the token.
    ///
    /// # Errors
    /// 401 for every other request.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let value =
            headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (scheme, token) = value.split_once(' ').unwrap_or_default();
        // The hashes have one length, and a guess at a hash is none at the token.
        let is_it = Digest::of(token.trim().as_bytes()).0.ct_eq(&self.0.0);
        if scheme.eq_ignore_ascii_case("bearer") && bool::from(is_it) {
            return Ok(());
        }
        let message = "send the server's token, as in 'Authorization: Bearer TOKEN'";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_let_in() {
        let token = Token::read("  0123456789abcdef\n").unwrap();
        let check = |value: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            token.check(&headers).is_ok()
        };
        assert!(check("Bearer 0123456789abcdef") && check("bearer 0123456789abcdef"));
        for wrong in
            ["", "Bearer", "Bearer ", "0123456789abcdef", "Basic 0123456789abcdef", "Bearer 0123456789abcdeF"]
        {
            assert!(!check(wrong), "{wrong}");
        }
        assert!(token.check(&HeaderMap::new()).is_err());
    }

    #[test]
    fn a_token_that_can_be_guessed_or_not_be_sent_is_none() {
        for wrong in ["", " \n", "short", "0123456789 abcdef", "0123456789abcdeé", &"x".repeat(LONGEST + 1)]
        {
            assert!(Token::read(wrong).is_err(), "{wrong}");
        }
        assert!(Token::read(&"x".repeat(LONGEST)).is_ok());
    }
}
