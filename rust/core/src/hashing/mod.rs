//! Consistent hashing: tables and rings that choose an endpoint for a key.
//!
//! Every result depends on the set of endpoints, their weights and the seed, never on their order or on what was there
//! before: endpoints are worked on in the order of their names, see [`endpoints::Endpoints`].

pub mod choose;
pub mod endpoints;
pub mod jump;
pub mod maglev;
pub mod md5;
pub mod random;
pub mod rendezvous;
pub mod ring;
pub mod round_robin;
pub mod stable_hash;
pub mod turns;
