//! Why something about an account did not happen.

use super::{
    email::InvalidEmail,
    password::{HashingFailed, WeakPassword},
};
use crate::{store::StoreError, token::IssueError};

/// Why someone could not sign in, or an account could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name or the password is wrong, the account is disabled, or its address not proved.
    #[error("the credentials are not valid")]
    Credentials,
    /// The refresh token is none of ours, or its sign-in has ended.
    #[error("the refresh token is not valid")]
    RefreshInvalid,
    /// The sign-in is over.
    #[error("the sign-in has expired")]
    RefreshExpired,
    /// The refresh token was used before; its sign-in has ended.
    #[error("the refresh token was used before")]
    RefreshReused,
    /// The token of a mail is not good, or not any more.
    #[error("the token of the mail is not valid")]
    MailToken,
    /// Nobody may ask for an account here.
    #[error("nobody may ask for an account here")]
    Closed,
    /// There is no such account.
    #[error("there is no such account")]
    NoAccount,
    /// There is no such living sign-in.
    #[error("there is no such sign-in")]
    NoSignIn,
    /// There is no such API key.
    #[error("there is no such API key")]
    NoApiKey,
    /// The account has as many API keys as it may have.
    #[error("the account has {0} API keys, as many as it may have")]
    TooManyApiKeys(u32),
    /// The API key would mint for users whom it must not mint for.
    #[error("an API key mints for users whose ids begin with its account's own and a `-`")]
    Namespace,
    /// Others have users that the API key would mint for.
    #[error("there are such users already, or someone else mints for them")]
    NamespaceTaken,
    /// Whoever asks had the right to, and has lost it meanwhile.
    #[error("the right to do this was lost meanwhile")]
    Unauthorized,
    /// The API key or the role does not allow it.
    #[error("this is not allowed")]
    Denied,
    /// The name is taken, or was not long ago.
    #[error("the user id is taken")]
    UserTaken,
    /// Another account has the address.
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// It is no address.
    #[error(transparent)]
    Email(#[from] InvalidEmail),
    /// The password cannot be taken.
    #[error(transparent)]
    Password(#[from] WeakPassword),
    /// No administrator would be left.
    #[error("the last administrator stays")]
    LastAdmin,
    /// Someone else changed the account at the same time.
    #[error("the account has changed meanwhile")]
    Changed,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Hashing failed.
    #[error(transparent)]
    Hashing(#[from] HashingFailed),
    /// No access token was made.
    #[error(transparent)]
    Issue(#[from] IssueError),
    /// The server stops.
    #[error("the server is stopping")]
    Stopped,
    /// Sealing a token failed: a defect.
    #[error("a refresh token could not be sealed")]
    Sealing,
}
