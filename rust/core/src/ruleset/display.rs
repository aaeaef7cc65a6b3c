//! Rules and their parts as nft prints them.
