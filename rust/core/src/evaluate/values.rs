//! The values of terms.

use super::flight::{Loaded, Missing};
use super::lookup::Found;
use super::machine::{Machine, Stop, World};
use super::trails::Operand;
use crate::kernel_hash::{ByteOrder, NftHash};
use crate::program::{Answer, Data, End, Field, Kind, Part, Term, apply};

impl<'a, W: World> Machine<'a, W> {
    #[inline]
    pub(super) fn term(&mut self, term: &'a Term) -> Result<Loaded<'a>, Stop> {
        match term {
            Term::Field(field) => {
                let loaded = self.flight.load(*field);
                self.tell_read(*field, loaded);
                Ok(loaded)
            }
            Term::Constant(value) => {
                self.tell_constant(*value);
                Ok(Loaded::Value(*value))
            }
            _ => self.composed(term),
        }
    }

    fn composed(&mut self, term: &'a Term) -> Result<Loaded<'a>, Stop> {
        Ok(match term {
            Term::Field(_) | Term::Constant(_) => return self.term(term),
            Term::Bits(operator, sides, kind) => {
                let (left, left_origin) = (self.term(&sides.0)?, self.origin());
                let (right, right_origin) = (self.term(&sides.1)?, self.origin());
                match (left, right) {
                    (Loaded::Break, _) | (_, Loaded::Break) => Loaded::Break,
                    (Loaded::Unknown(missing), _) | (_, Loaded::Unknown(missing)) => Loaded::Unknown(missing),
                    (Loaded::Value(left), Loaded::Value(right)) => {
                        let Some(value) = apply(*operator, left, right, kind.bits()) else {
                            self.leave_trail();
                            return Err(self.unknown("the shift is too wide"));
                        };
                        if let Some(trail) = self.world.trail() {
                            trail.bits(*operator, [left_origin, right_origin], kind.bits(), value);
                        }
                        Loaded::Value(value)
                    }
                }
            }
            Term::Numgen { site, mode, modulus, offset } => {
                let value = if *modulus == 1 { 0 } else { self.world.numgen(*site, *mode, *modulus)? };
                let value = u128::from(value) + u128::from(*offset);
                match self.world.trail() {
                    Some(trail) if *modulus == 1 => trail.read(Operand::Constant(value)),
                    Some(trail) => trail.draw(*modulus, *offset),
                    None => {}
                }
                Loaded::Value(value)
            }
            Term::UnknownHash { site, modulus, offset } => {
                let value = if *modulus == 1 { 0 } else { self.world.hash(*site, *modulus)? };
                let value = u128::from(value) + u128::from(*offset);
                self.tell_constant(value);
                Loaded::Value(value)
            }
            Term::Jhash { key, seed, modulus, offset } => self.jhash(key, *seed, *modulus, *offset)?,
            Term::Lookup { key, map } => match self.find(key, *map)? {
                Found::Data(data) => match &*data {
                    Data::Values(values) if !values.is_empty() => Loaded::Value(values[0]),
                    _ => return Err(self.unknown("the map holds no values")),
                },
                Found::Short(Answer::Pair(first, _)) => Loaded::Value(u128::from(first)),
                Found::Short(_) => return Err(self.unknown("the map holds no values")),
                Found::Nothing | Found::Break => Loaded::Break,
            },
            Term::Unknown(words) => Loaded::Unknown(Missing::NotModelled(words)),
        })
    }

    fn jhash(&mut self, key: &'a [Part], seed: u32, modulus: u32, offset: u32) -> Result<Loaded<'a>, Stop> {
        let order = self.flight.surroundings.byte_order();
        if NftHash::new(modulus, seed, offset, order).is_err() {
            return Err(self.unknown("the kernel refuses this hash"));
        }
        let kinds: Vec<Kind> = key.iter().map(|part| part.kind).collect();
        let mut values = Vec::with_capacity(key.len());
        let mut origins = Vec::with_capacity(key.len());
        let mut open = Vec::new();
        for part in key {
            match self.value(part)? {
                Loaded::Value(value) => values.push(value),
                Loaded::Break => return Ok(Loaded::Break),
                Loaded::Unknown(Missing::SourcePort)
                    if matches!(
                        part.term,
                        Term::Field(Field::Port(_, End::Source) | Field::OriginalPort(End::Source))
                    ) =>
                {
                    open.push(values.len());
                    values.push(0);
                }
                Loaded::Unknown(missing) => return Ok(Loaded::Unknown(missing)),
            }
            origins.push(self.origin());
        }
        let with_port = |port: u16| {
            let mut values = values.clone();
            for place in &open {
                values[*place] = u128::from(port);
            }
            hashed(&kinds, &values, seed, modulus, offset, order).unwrap_or(0)
        };
        if open.is_empty() {
            if let Some(trail) = self.world.trail() {
                trail.jhash(&kinds, &origins, [seed, modulus, offset]);
            }
            return Ok(Loaded::Value(u128::from(with_port(0))));
        }
        self.leave_trail();
        let port = match self.flight.hashed_port {
            Some(port) => port,
            None => self.world.client_port(&with_port)?,
        };
        self.flight.hashed_port = Some(port);
        Ok(Loaded::Value(u128::from(with_port(port))))
    }
}

/// What `jhash` gives for a key; None of a hash that the kernel refuses.
pub(super) fn hashed(
    kinds: &[Kind],
    values: &[u128],
    seed: u32,
    modulus: u32,
    offset: u32,
    order: ByteOrder,
) -> Option<u32> {
    let hash = NftHash::new(modulus, seed, offset, order).ok()?;
    Some(hash.value(&hash_key(kinds, values, order)))
}

/// The bytes that the kernel hashes: a single value as it is, of several each in whole registers of 32 bits.
fn hash_key(kinds: &[Kind], values: &[u128], order: ByteOrder) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 * kinds.len());
    for (kind, value) in kinds.iter().zip(values) {
        push(&mut bytes, *kind, *value, order);
        if kinds.len() > 1 {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
    }
    bytes
}

fn push(bytes: &mut Vec<u8>, kind: Kind, value: u128, order: ByteOrder) {
    let width = kind.bits().div_ceil(8) as usize;
    let network = value.to_be_bytes();
    let tail = &network[network.len() - width..];
    if kind.is_host_order() && order == ByteOrder::Little {
        bytes.extend(tail.iter().rev());
    } else {
        bytes.extend_from_slice(tail);
    }
}
