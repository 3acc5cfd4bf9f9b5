//! Tickets on the wire.

use serde::{Deserialize, Serialize};

/// A right to watch one session, for whoever uses it first.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(example = json!({ "ticket": "3vW9cPqLx0mB7yFhZsK1dTgUeRjAoN5iQ2bXlC8wM4E", "expires_in": 30 })))]
pub struct Ticket {
    /// What goes into the stream's URL as `?ticket=`.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "3vW9cPqLx0mB7yFhZsK1dTgUeRjAoN5iQ2bXlC8wM4E")
    )]
    pub ticket: String,
    /// Seconds in which it has to be used.
    #[cfg_attr(feature = "openapi", schema(example = 30))]
    pub expires_in: u64,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}
