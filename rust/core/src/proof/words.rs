//! Regions in words for people.

use super::end::Case;
use super::questions::Questions;
use super::region::Region;
use super::variable::Variable;
use crate::evaluate::words::address;
use crate::program::IpVersion;
use crate::ruleset::Hook;
use std::fmt::Write;

/// The region in words, such as `from 10.0.0.0/8 to 10.96.0.1, tcp port 80`.
pub(super) fn words(region: &Region, case: Case, questions: &Questions) -> String {
    let version = case.version;
    let mut said = String::new();
    match (region.get(Variable::Source), case.hook) {
        (Some(bound), _) => _ = write!(said, "from {}", addresses(version, bound)),
        (None, Hook::Output) => said.push_str("from the node"),
        (None, _) => said.push_str("from anywhere"),
    }
    match region.get(Variable::Destination) {
        Some(bound) => _ = write!(said, " to {}", addresses(version, bound)),
        None => said.push_str(" to anywhere"),
    }
    let mut parts: Vec<String> = Vec::new();
    let port = region.get(Variable::DestinationPort).map(|bound| format!("port {}", numbers(bound)));
    match (region.get(Variable::Protocol), port) {
        (Some(bound), Some(port)) => parts.push(format!("{} {port}", protocols(bound))),
        (Some(bound), None) => parts.push(protocols(bound)),
        (None, Some(port)) => parts.push(port),
        (None, None) => {}
    }
    for (variable, low, high) in region.bounds() {
        let bound = (*low, *high);
        let yes = *low == 1;
        let said_of_it = match variable {
            Variable::SourcePort => format!("from port {}", numbers(bound)),
            Variable::DestinationLocal if yes => "which is the node's own address".to_owned(),
            Variable::DestinationLocal => "which is not the node's own address".to_owned(),
            Variable::SourceLocal if yes => "sent from the node's own address".to_owned(),
            Variable::SourceLocal => "not sent from the node's own address".to_owned(),
            Variable::InputInterface => format!("in by {}", interfaces(bound)),
            Variable::OutputInterface => format!("out by {}", interfaces(bound)),
            Variable::MarkBit(bit) => {
                format!("with bit {:#x} of the mark {}", 1_u64 << bit, if yes { "set" } else { "clear" })
            }
            Variable::Hash(_) => format!("with a hash from {low:#010x} to {high:#010x}"),
            Variable::Record(_) if *low == u128::MAX => "of whom nothing is remembered".to_owned(),
            Variable::Record(_) => "of whom something is remembered".to_owned(),
            Variable::Question(number) => {
                questions.get(*number).map_or_else(String::new, |question| format!("if {}", question.reason))
            }
            Variable::TranslatedAddress
            | Variable::TranslatedPort
            | Variable::Destination
            | Variable::Source
            | Variable::Protocol
            | Variable::DestinationPort => continue,
        };
        // Several records say the same of a client.
        if !parts.contains(&said_of_it) {
            parts.push(said_of_it);
        }
    }
    for part in parts {
        _ = write!(said, ", {part}");
    }
    said
}

/// One address, a prefix, or a range.
fn addresses(version: IpVersion, (low, high): (u128, u128)) -> String {
    let bits = if version == IpVersion::V4 { 32 } else { 128 };
    if low == high {
        return address(version, low);
    }
    let width = high - low;
    if width.checked_add(1).is_none_or(u128::is_power_of_two) && low & width == 0 {
        return format!("{}/{}", address(version, low), bits - width.count_ones());
    }
    format!("{}-{}", address(version, low), address(version, high))
}

fn numbers((low, high): (u128, u128)) -> String {
    if low == high { low.to_string() } else { format!("{low}-{high}") }
}

fn protocols(bound: (u128, u128)) -> String {
    match bound {
        (1, 1) => "icmp".to_owned(),
        (6, 6) => "tcp".to_owned(),
        (17, 17) => "udp".to_owned(),
        (58, 58) => "ipv6-icmp".to_owned(),
        (132, 132) => "sctp".to_owned(),
        (low, high) if low == high => format!("protocol {low}"),
        bound => format!("protocols {}", numbers(bound)),
    }
}

fn interfaces((low, high): (u128, u128)) -> String {
    if low == high {
        let bytes = low.to_be_bytes();
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        return if length == 0 { "no interface".to_owned() } else { String::from_utf8_lossy(&bytes[..length]).into() };
    }
    "other interfaces".to_owned()
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::evaluate::ConnectionState;
    use crate::program::IpVersion;
    use crate::proof::{Case, Questions, Region, Variable};
    use crate::ruleset::Hook;

    fn case(hook: Hook, version: IpVersion) -> Case {
        Case { hook, version, state: ConnectionState::New }
    }

    #[test]
    fn a_frontend_and_a_prefix_are_said_as_people_write_them() {
        let region = Region::default()
            .within(Variable::Source, 0x0a00_0000, 0x0aff_ffff)
            .within(Variable::Destination, 0x0a60_0001, 0x0a60_0001)
            .within(Variable::DestinationPort, 80, 80)
            .within(Variable::Protocol, 6, 6);
        let said = words(&region, case(Hook::Prerouting, IpVersion::V4), &Questions::default());
        assert_eq!(said, "from 10.0.0.0/8 to 10.96.0.1, tcp port 80");
    }

    #[test]
    fn what_is_no_prefix_is_a_range_and_what_is_free_is_anywhere() {
        let region = Region::default().within(Variable::Destination, 1, 2).within(Variable::MarkBit(14), 1, 1);
        let said = words(&region, case(Hook::Prerouting, IpVersion::V6), &Questions::default());
        assert_eq!(said, "from anywhere to ::1-::2, with bit 0x4000 of the mark set");
        let all = Region::default().within(Variable::Source, 0, u128::MAX);
        let said = words(&all, case(Hook::Output, IpVersion::V6), &Questions::default());
        assert_eq!(said, "from ::/0 to anywhere");
    }
}
