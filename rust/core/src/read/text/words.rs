//! The words that nft knows.

/// The fields of a header; None for what is no header.
pub(super) fn fields(protocol: &str) -> Option<&'static [&'static str]> {
    Some(match protocol {
        "ether" => &["saddr", "daddr", "type"],
        "vlan" => &["id", "dei", "cfi", "pcp", "type"],
        "arp" => &["htype", "ptype", "hlen", "plen", "operation", "saddr ip", "daddr ip", "saddr ether", "daddr ether"],
        "ip" => &[
            "version",
            "hdrlength",
            "dscp",
            "ecn",
            "length",
            "id",
            "frag-off",
            "ttl",
            "protocol",
            "checksum",
            "saddr",
            "daddr",
            "tos",
        ],
        "ip6" => {
            &["version", "dscp", "ecn", "flowlabel", "length", "nexthdr", "hoplimit", "saddr", "daddr", "priority"]
        }
        "icmp" => &["type", "code", "checksum", "id", "sequence", "gateway", "mtu"],
        "icmpv6" => &[
            "type",
            "code",
            "checksum",
            "parameter-problem",
            "packet-too-big",
            "id",
            "sequence",
            "max-delay",
            "taddr",
            "daddr",
            "mtu",
        ],
        "igmp" => &["type", "mrt", "checksum", "group"],
        "tcp" => &["sport", "dport", "sequence", "ackseq", "doff", "reserved", "flags", "window", "checksum", "urgptr"],
        "udp" => &["sport", "dport", "length", "checksum"],
        "udplite" => &["sport", "dport", "cscov", "csumcov", "checksum"],
        "sctp" => &["sport", "dport", "vtag", "checksum"],
        "dccp" => &["sport", "dport", "type"],
        "th" => &["sport", "dport"],
        "ah" => &["nexthdr", "hdrlength", "reserved", "spi", "sequence"],
        "esp" => &["spi", "sequence"],
        "comp" => &["nexthdr", "flags", "cpi"],
        "gre" => &["flags", "version", "protocol"],
        "hbh" | "dst" => &["nexthdr", "hdrlength"],
        "rt" => &["nexthdr", "hdrlength", "type", "seg-left"],
        "rt0" | "rt2" => &["addr"],
        "srh" => &["last-entry", "flags", "tag", "sid", "seg-left"],
        "frag" => &["nexthdr", "reserved", "frag-off", "reserved2", "more-fragments", "id"],
        "mh" => &["nexthdr", "hdrlength", "type", "reserved", "checksum"],
        "exthdr" => &["hbh", "dst", "rt", "rt0", "rt2", "rt4", "srh", "frag", "mh"],
        _ => return None,
    })
}

/// Keys of `meta` that stand without this word, too.
pub(super) fn is_meta_alone(word: &str) -> bool {
    matches!(
        word,
        "mark"
            | "iif"
            | "iifname"
            | "iiftype"
            | "iifgroup"
            | "oif"
            | "oifname"
            | "oiftype"
            | "oifgroup"
            | "skuid"
            | "skgid"
            | "nftrace"
            | "rtclassid"
            | "ibriport"
            | "obriport"
            | "ibrname"
            | "obrname"
            | "pkttype"
            | "cpu"
            | "cgroup"
            | "ipsec"
            | "time"
            | "day"
            | "hour"
    )
}

/// Keys of `ct`; those of addresses are apart.
pub(super) fn is_ct_key(word: &str) -> bool {
    matches!(
        word,
        "state"
            | "direction"
            | "status"
            | "mark"
            | "expiration"
            | "helper"
            | "label"
            | "l3proto"
            | "saddr"
            | "daddr"
            | "protocol"
            | "proto-src"
            | "proto-dst"
            | "event"
            | "secmark"
            | "zone"
            | "id"
            | "bytes"
            | "packets"
            | "avgpkt"
            | "timeout"
            | "expectation"
    )
}

/// Fields of options of TCP and IPv4.
pub(super) fn is_option_field(word: &str) -> bool {
    matches!(
        word,
        "kind"
            | "length"
            | "size"
            | "count"
            | "left"
            | "right"
            | "tsval"
            | "tsecr"
            | "subtype"
            | "type"
            | "ptr"
            | "value"
            | "addr"
    )
}

/// Fields of chunks of SCTP.
pub(super) fn is_chunk_field(word: &str) -> bool {
    matches!(
        word,
        "type"
            | "flags"
            | "length"
            | "tsn"
            | "stream"
            | "ssn"
            | "ppid"
            | "init-tag"
            | "a-rwnd"
            | "num-outbound-streams"
            | "num-inbound-streams"
            | "initial-tsn"
            | "cum-tsn-ack"
            | "num-gap-ack-blocks"
            | "num-dup-tsns"
            | "lowest-tsn"
            | "seqno"
            | "new-cum-tsn"
    )
}

/// Words with which an expression other than a field begins. They are no constants.
pub(super) fn begins_expression(word: &str) -> bool {
    matches!(
        word,
        "meta" | "ct" | "fib" | "socket" | "numgen" | "jhash" | "symhash" | "osf" | "exthdr" | "vmap" | "map" | "set"
    )
}

/// Numbers of the priorities that have names (libnftables, `priority` in `src/rule.c`).
pub(super) fn priority(name: &str, bridge: bool) -> Option<i32> {
    Some(match (name, bridge) {
        ("raw", false) | ("dstnat", true) => -300,
        ("mangle", false) => -150,
        ("dstnat", false) => -100,
        ("filter", false) => 0,
        ("filter", true) => -200,
        ("security", false) => 50,
        ("srcnat", false) | ("out", true) => 100,
        ("srcnat", true) => 300,
        _ => return None,
    })
}

/// Seconds of `1d2h3m4s5ms`, rounded down; a number alone is seconds.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|sign: char| !sign.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().ok()?;
        let unit_end = tail.find(|sign: char| sign.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit = match unit {
            "w" => 604_800,
            "d" => 86_400,
            "h" => 3_600,
            "m" => 60,
            "s" => 1,
            "ms" => 0,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = tail;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::{priority, seconds};

    #[test]
    fn durations_are_whole_seconds() {
        for (text, expected) in [("24s812ms", 24), ("812ms", 0), ("1d2h3m4s", 93_784), ("5m", 300), ("1w", 604_800)] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for text in ["", "s", "5", "5x", "5m5", "99999999999999999999s", "99999999999999999w"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_bridge_has_its_own_priorities() {
        assert_eq!((priority("filter", false), priority("filter", true)), (Some(0), Some(-200)));
        assert_eq!((priority("out", false), priority("out", true)), (None, Some(100)));
    }
}
