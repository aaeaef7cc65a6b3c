//! Consistent hashing: tables and rings that choose an endpoint for a key.
