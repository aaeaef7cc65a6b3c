//! Address translation and refusals.

use super::flight::{Address, Loaded};
use super::lookup::Found;
use super::machine::{Machine, Stop, World};
use super::outcome::{DestinationNat, SourceNat};
use super::trails::Operand;
use crate::program::{Answer, Data, IpVersion, NatTarget};
use crate::ruleset::{Hook, NatKind};

impl<'a, W: World> Machine<'a, W> {
    /// Whether the rule goes through: a map that has nothing ends it.
    pub(super) fn translate(&mut self, kind: NatKind, target: &'a NatTarget) -> Result<bool, Stop> {
        let mut several = None;
        let (mut address, mut port) = (None, None);
        let mut origins = [Operand::Constant(0); 2];
        let known = |loaded: Loaded<'a>| match loaded {
            Loaded::Value(value) => Ok(Some(value)),
            Loaded::Break => Ok(None),
            Loaded::Unknown(missing) => Err(missing),
        };
        match target {
            NatTarget::Nothing => {}
            NatTarget::Several(words) => several = Some(words.clone()),
            NatTarget::Terms { address: new_address, port: new_port } => {
                let terms = [(new_address, &mut address), (new_port, &mut port)];
                for ((term, place), origin) in terms.into_iter().zip(&mut origins) {
                    let Some(term) = term else { continue };
                    let loaded = self.term(term)?;
                    *origin = self.origin();
                    match known(loaded) {
                        Ok(Some(value)) => *place = Some(value),
                        Ok(None) => return Ok(false),
                        Err(missing) => return Err(self.unknown(&missing.words())),
                    }
                }
            }
            NatTarget::Map { key, map } => match self.find(key, *map)? {
                Found::Short(Answer::Pair(new_address, new_port)) => {
                    (address, port) = (Some(u128::from(new_address)), Some(u128::from(new_port)));
                }
                Found::Short(_) => return Err(self.unknown("the map holds no addresses")),
                Found::Data(data) => match &*data {
                    Data::Values(values) => {
                        address = values.first().copied();
                        port = values.get(1).copied();
                    }
                    _ => return Err(self.unknown("the map holds no addresses")),
                },
                Found::Nothing | Found::Break => return Ok(false),
            },
        }
        if let NatTarget::Map { .. } = target {
            origins = self.origins();
        }
        self.tell_port(target, port, origins[1]);
        let port = port.and_then(|port| u16::try_from(port).ok());
        match kind {
            NatKind::Destination => match several {
                Some(words) => self.hide_destination(DestinationNat::Several(words)),
                None => self.set_destination(address, port, origins),
            },
            NatKind::Redirect if self.flight.hook == Hook::Output => {
                let loopback = self.loopback();
                self.set_destination(Some(loopback), port, [Operand::Constant(loopback), origins[1]]);
            }
            NatKind::Redirect => {
                self.hide_destination(DestinationNat::Redirect(port));
                self.flight.destination_port_unknown = several.is_some();
                if let (Some(port), Some(_)) = (port, self.flight.destination_port) {
                    self.flight.destination_port = Some(port);
                    self.flight.origins.destination_port = origins[1];
                }
            }
            NatKind::Source => {
                self.flight.source_nat = match (several, address) {
                    (Some(words), _) => self.hide_source(SourceNat::Several(words)),
                    (None, Some(address)) => {
                        self.tell_source(address, origins[0]);
                        self.flight.source_changed |= self.flight.source != Address::Known(address);
                        self.flight.source = Address::Known(address);
                        self.flight.source_port_unknown = true;
                        SourceNat::Address(address, port)
                    }
                    (None, None) => self.hide_source(SourceNat::Several("snat".into())),
                };
            }
            NatKind::Masquerade => self.flight.source_nat = self.hide_source(SourceNat::Masquerade),
        }
        let version = self.flight.packet.version;
        self.record(|| match (kind, address, port) {
            (NatKind::Masquerade, ..) => "masquerade".to_owned(),
            (NatKind::Redirect, ..) => "redirect to this node".to_owned(),
            (kind, Some(address), Some(port)) => {
                format!("{} to {}", kind_word(kind), super::words::socket(version, address, port))
            }
            (kind, Some(address), None) => {
                format!("{} to {}", kind_word(kind), super::words::address(version, address))
            }
            (kind, None, Some(port)) => format!("{} to port {port}", kind_word(kind)),
            (kind, None, None) => format!("{} to one of several", kind_word(kind)),
        });
        Ok(true)
    }

    /// What a refusal answers this packet with.
    pub(super) fn refusal(&self, with: Option<&str>) -> Option<Box<str>> {
        refusal(self.flight.packet.version == IpVersion::V4, self.flight.packet.protocol == 6, with)
    }

    fn hide_destination(&mut self, translated: DestinationNat) {
        self.flight.destination = Address::Unknown;
        self.flight.destination_port_unknown = matches!(translated, DestinationNat::Several(_));
        self.flight.destination_changed = true;
        self.flight.destination_nat = translated;
    }

    fn hide_source(&mut self, translated: SourceNat) -> SourceNat {
        self.flight.source = Address::Unknown;
        self.flight.source_port_unknown = true;
        self.flight.source_changed = true;
        translated
    }
}

fn kind_word(kind: NatKind) -> &'static str {
    match kind {
        NatKind::Destination => "dnat",
        NatKind::Source => "snat",
        NatKind::Masquerade => "masquerade",
        NatKind::Redirect => "redirect",
    }
}

/// The answer in the words of the packet's own version of IP; None if the rule is not for this packet.
pub(crate) fn refusal(v4: bool, tcp: bool, with: Option<&str>) -> Option<Box<str>> {
    let words = with.unwrap_or("icmpx port-unreachable");
    let words = words.strip_prefix("with ").unwrap_or(words);
    if words.starts_with("tcp") {
        return tcp.then(|| "tcp reset".into());
    }
    let (kind, code) = words.split_once(' ').unwrap_or((words, "port-unreachable"));
    let code = code.strip_prefix("type ").unwrap_or(code);
    let code = if kind == "icmpx" {
        match (code, v4) {
            ("no-route" | "0", true) => "net-unreachable",
            ("no-route" | "0", false) => "no-route",
            ("port-unreachable" | "1", _) => "port-unreachable",
            ("host-unreachable" | "2", true) => "host-unreachable",
            ("host-unreachable" | "2", false) => "addr-unreachable",
            ("admin-prohibited" | "3", _) => "admin-prohibited",
            (other, _) => other,
        }
    } else {
        if (kind == "icmp") != v4 {
            return None;
        }
        match (code, v4) {
            ("0", true) => "net-unreachable",
            ("1", true) => "host-unreachable",
            ("2", true) => "prot-unreachable",
            ("3", true) | ("4", false) => "port-unreachable",
            ("9", true) => "net-prohibited",
            ("10", true) => "host-prohibited",
            ("13", true) | ("1", false) => "admin-prohibited",
            ("0", false) => "no-route",
            ("3", false) => "addr-unreachable",
            (other, _) => other,
        }
    };
    Some(format!("{} {code}", if v4 { "icmp" } else { "icmpv6" }).into())
}
