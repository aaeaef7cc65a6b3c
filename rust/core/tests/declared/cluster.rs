//! A small cluster, and what its function says of packets.

use svcc_core::evaluate::{ConnectionState, Fraction, Packet, Surroundings};
use svcc_core::program::{IpVersion, Span, interface_number};
use svcc_core::proof::declared::{
    Decision, Declaration, Demand, Demands, Endpoints, Frontend, Masquerade, NodePorts, Parts, Pods, ServicePort,
    declared,
};
use svcc_core::proof::{Case, Functions, Options, Records};
use svcc_core::ruleset::Hook;

pub(crate) const TCP: u8 = 6;
pub(crate) const CLUSTER_IP: &str = "10.96.0.10";
pub(crate) const VIP: &str = "192.0.2.10";
pub(crate) const NODE: &str = "192.168.0.1";
pub(crate) const LOCAL_POD: &str = "10.244.1.5";
pub(crate) const REMOTE_POD: &str = "10.244.2.5";
pub(crate) const CLIENT: &str = "203.0.113.9";
pub(crate) const NODE_PORT: u16 = 30080;

pub(crate) fn number(text: &str) -> u128 {
    let address: std::net::Ipv4Addr = text.parse().expect("the tests write addresses of IPv4");
    u128::from(u32::from(address))
}

pub(crate) fn prefix(text: &str, length: u32) -> Span {
    let hosts = (1_u128 << (32 - length)) - 1;
    Span { low: number(text), high: number(text) | hosts }
}

pub(crate) fn endpoints(texts: &[&str]) -> Endpoints {
    Endpoints { places: texts.iter().map(|text| (number(text), 8080)).collect(), ..Endpoints::default() }
}

/// A Service with a cluster IP, a VIP and a node port, endpoints on this node and on another one.
pub(crate) fn parts() -> Parts {
    let frontend = |address: Option<&str>, port, masquerade| Frontend {
        service_port: 0,
        address: address.map(number),
        port,
        inside: Decision::Cluster,
        outside: Decision::Cluster,
        masquerade,
        allowed_sources: None,
    };
    Parts {
        version: IpVersion::V4,
        service_ports: vec![ServicePort {
            protocol: TCP,
            cluster: endpoints(&[LOCAL_POD, REMOTE_POD]),
            local: endpoints(&[LOCAL_POD]),
            affinity: None,
        }],
        frontends: vec![
            frontend(Some(CLUSTER_IP), 80, Masquerade::UnlessPod),
            frontend(Some(VIP), 80, Masquerade::Always),
            frontend(None, NODE_PORT, Masquerade::Always),
        ],
        cluster_ips: vec![number(CLUSTER_IP)],
        service_cidrs: vec![prefix("10.96.0.0", 16)],
        node_ports: NodePorts::Listed(vec![number(NODE)]),
        pods: Pods::Sources(vec![prefix("10.244.0.0", 16)]),
        local_endpoints: vec![number(LOCAL_POD)],
    }
}

/// How a function is made, and the packets it is asked for.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) surroundings: Surroundings,
    pub(crate) options: Options,
    pub(crate) hook: Hook,
    pub(crate) state: ConnectionState,
    pub(crate) interface: &'static str,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            surroundings: Surroundings { local_v4: vec![number(NODE)], ..Surroundings::default() },
            options: Options {
                initial_mark: None,
                records: Records::Absent,
                local_addresses_complete: true,
                limit: 100_000,
            },
            hook: Hook::Prerouting,
            state: ConnectionState::New,
            interface: "eth0",
        }
    }
}

/// An answer, and the demands that sets are looked up in.
pub(crate) struct Answer {
    pub(crate) demands: Demands,
    pub(crate) chances: Vec<(Fraction, Demand)>,
}

impl Question {
    pub(crate) fn case(&self) -> Case {
        Case { hook: self.hook, version: IpVersion::V4, state: self.state }
    }

    /// What is owed to a packet from a source to a port of a destination.
    pub(crate) fn ask(&self, parts: Parts, protocol: u8, source: &str, destination: &str, port: u16) -> Answer {
        let declaration = Declaration::new(parts).expect("the parts fit together");
        let mut functions = Functions::new(self.case(), 100_000);
        let mut demands = Demands::default();
        let node = declared(&declaration, &self.surroundings, &self.options, &mut functions, &mut demands)
            .expect("the function is small");
        let packet = Packet {
            version: IpVersion::V4,
            protocol,
            source: number(source),
            destination: number(destination),
            source_port: Some(40000),
            destination_port: Some(port),
            hook: self.hook,
            input_interface: interface_number(self.interface),
            output_interface: None,
            mark: 0,
            state: self.state,
        };
        let assignment = functions.assignment(&packet, &self.surroundings, &|_| 0);
        let found = functions.look_up(node, &assignment).expect("the chances are exact");
        let chances = found
            .into_iter()
            .map(|(chance, number)| (chance, *demands.get(number).expect("all leaves are demands")))
            .collect();
        Answer { demands, chances }
    }

    /// The one demand of a packet of TCP.
    pub(crate) fn demand(&self, parts: Parts, source: &str, destination: &str, port: u16) -> Demand {
        let answer = self.ask(parts, TCP, source, destination, port);
        assert_eq!(answer.chances.len(), 1, "{:?}", answer.chances);
        answer.chances[0].1
    }
}
