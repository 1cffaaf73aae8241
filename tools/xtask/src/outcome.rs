//! What a chore ends with.

/// A chore's result; an error is a line for a person.
pub(crate) type Outcome<T = ()> = Result<T, String>;
