//! What a node owes in one IP family, as numbers: the dataplane in a form that makes functions.

use crate::evaluate::Surroundings;
use crate::program::{IpVersion, Span};
use std::error::Error;
use std::fmt;

/// What becomes of the connections of one kind of client (S25 to S27, S37).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// They go to the Cluster set of the service port.
    Cluster,
    /// They go to its Local set.
    Local,
    /// They are turned away.
    Refused(Refusal),
}

/// How a connection is turned away (S37).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// With an answer: port unreachable.
    Reject,
    /// In silence.
    Drop,
}

/// Whose source is rewritten, beside that of a pod that reaches itself (S29, S30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Masquerade {
    /// Nobody's.
    Never,
    /// Everybody's.
    Always,
    /// That of all but pods.
    UnlessPod,
    /// That of the node, unless the source is a pod's, too.
    NodeTraffic,
}

/// Where a service port answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// The place of the service port.
    pub service_port: usize,
    /// None for node ports.
    pub address: Option<u128>,
    /// The port.
    pub port: u16,
    /// What becomes of pods and of the node itself.
    pub inside: Decision,
    /// What becomes of everybody else.
    pub outside: Decision,
    /// Whose source is rewritten.
    pub masquerade: Masquerade,
    /// The only sources that may come in; None admits everybody (S40).
    pub allowed_sources: Option<Vec<Span>>,
}

/// A Maglev table: connections go by the hash of their client, nothing is left to chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Whether the port of the client is hashed behind its address.
    pub by_flow: bool,
    /// The seed of the kernel's hash.
    pub seed: u32,
    /// The endpoint at each slot, by its place in [`Endpoints::places`].
    pub slots: Vec<u32>,
}

/// A set of endpoints, and how one of them is chosen (S23).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Addresses and ports.
    pub places: Vec<(u128, u16)>,
    /// Their weights; empty where all are alike.
    pub weights: Vec<u32>,
    /// None where one is drawn.
    pub table: Option<Table>,
}

/// A service port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// The protocol number: TCP, UDP or SCTP.
    pub protocol: u8,
    /// The Cluster set.
    pub cluster: Endpoints,
    /// The Local set.
    pub local: Endpoints,
    /// For how many milliseconds a client is remembered; None without session affinity (S34, S35).
    pub affinity: Option<u64>,
}

/// Which addresses of the node serve node ports (S42); those of the loopback interface never do (S43).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodePorts {
    /// These.
    Listed(Vec<u128>),
    /// All of the node's own that are in one of these prefixes.
    Within(Vec<Span>),
}

/// How a pod is told (S44).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pods {
    /// By its address; without prefixes nothing is a pod.
    Sources(Vec<Span>),
    /// By the name of the interface where the packet comes in.
    Interface(Span),
}

/// The parts of a [`Declaration`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The version of IP.
    pub version: IpVersion,
    /// All service ports.
    pub service_ports: Vec<ServicePort>,
    /// Where they answer: no address, protocol and port twice; if it happens all the same, the first counts.
    pub frontends: Vec<Frontend>,
    /// The active cluster IPs (S38).
    pub cluster_ips: Vec<u128>,
    /// The ranges of cluster IPs (S39).
    pub service_cidrs: Vec<Span>,
    /// Which addresses serve node ports.
    pub node_ports: NodePorts,
    /// How a pod is told.
    pub pods: Pods,
    /// The addresses of endpoints on the node, which may reach themselves (S30).
    pub local_endpoints: Vec<u128>,
}

/// What a node owes in one IP family; its parts fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    parts: Parts,
}

/// Parts that do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclarationError {
    /// A frontend is of a service port that is not there.
    ServicePort,
    /// A frontend leads to a set without endpoints.
    NoEndpoints,
    /// A set has not as many weights as endpoints, or none above 0.
    Weights,
    /// A table is empty, or names an endpoint that is not there.
    Table,
}

impl fmt::Display for DeclarationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ServicePort => "a frontend is of a service port that is not there",
            Self::NoEndpoints => "a frontend leads to a set without endpoints",
            Self::Weights => "a set of endpoints needs as many weights, one of them above 0",
            Self::Table => "a table is empty or names an endpoint that is not there",
        })
    }
}

impl Error for DeclarationError {}

impl Declaration {
    /// The declaration of these parts.
    ///
    /// # Errors
    /// They do not fit together.
    pub fn new(parts: Parts) -> Result<Self, DeclarationError> {
        for set in parts.service_ports.iter().flat_map(|service_port| [&service_port.cluster, &service_port.local]) {
            let fits = set.weights.len() == set.places.len() && set.weights.iter().any(|weight| *weight != 0);
            if !set.weights.is_empty() && !fits {
                return Err(DeclarationError::Weights);
            }
            if let Some(table) = &set.table
                && (table.slots.is_empty() || table.slots.iter().any(|place| *place as usize >= set.places.len()))
            {
                return Err(DeclarationError::Table);
            }
        }
        for frontend in &parts.frontends {
            let service_port = parts.service_ports.get(frontend.service_port).ok_or(DeclarationError::ServicePort)?;
            for decision in [frontend.inside, frontend.outside] {
                if service_port.endpoints(decision).is_some_and(|set| set.places.is_empty()) {
                    return Err(DeclarationError::NoEndpoints);
                }
            }
        }
        Ok(Self { parts })
    }

    /// The addresses of frontends that are not known to be the node's, in ascending order: taking them for addresses of
    /// nobody else but Services is little to ask, and without it each of them might serve all node ports, too.
    #[must_use]
    pub fn addresses_elsewhere(&self, surroundings: &Surroundings) -> Vec<u128> {
        let parts = &self.parts;
        let frontends = parts.frontends.iter().filter_map(|frontend| frontend.address);
        let mut addresses: Vec<u128> = frontends.chain(parts.cluster_ips.iter().copied()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.retain(|address| !surroundings.is_local(parts.version, *address));
        addresses
    }

    /// What it says.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.parts
    }
}

impl ServicePort {
    /// The set a decision leads to; None of a refusal.
    #[must_use]
    pub fn endpoints(&self, decision: Decision) -> Option<&Endpoints> {
        match decision {
            Decision::Cluster => Some(&self.cluster),
            Decision::Local => Some(&self.local),
            Decision::Refused(_) => None,
        }
    }
}

impl Frontend {
    /// How those are turned away that it turns away; a policy of Local without local endpoints does so for outsiders.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        [self.outside, self.inside].into_iter().find_map(|decision| match decision {
            Decision::Refused(refusal) => Some(refusal),
            Decision::Cluster | Decision::Local => None,
        })
    }
}
