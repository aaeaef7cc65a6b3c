//! The binding of what was declared for a node.

use crate::program::{address, interface, surroundings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use svcc_core::evaluate::{ConnectionState, Packet, Surroundings};
use svcc_core::program::{IpVersion, Span, interface_number};
use svcc_core::proof::declared::{
    self, Decision, Demand, Demands, Endpoints, Frontend, Masquerade, NodePorts, Parts, Pods, Refusal, ServicePort,
    Table, Wanted, declared,
};
use svcc_core::proof::{Case, Functions, Options, Records};
use svcc_core::ruleset::Hook;

/// What a node owes in one IP family.
#[pyclass(frozen, module = "svcc._native")]
pub(crate) struct Declaration(pub(crate) declared::Declaration);

/// Protocol, endpoints of the Cluster set, of the Local set, seconds of session affinity.
type ServicePortRow = (PyBackedStr, usize, usize, Option<u64>);
/// Place of the service port, address, port, inside, outside, masquerade, allowed sources.
type FrontendRow = (usize, Option<PyBackedStr>, u16, PyBackedStr, PyBackedStr, PyBackedStr, Option<Vec<PyBackedStr>>);
/// Place of the service port, whether it is the Local set, weights.
type WeightsRow = (usize, bool, Vec<u32>);
/// Place of the service port, whether it is the Local set, whether flows are hashed, seed, endpoints in the order of the
/// table, slots: the places in that order.
type TableRow = (usize, bool, bool, u32, Vec<u32>, Vec<u32>);
/// Protocol number, source, destination, source port, destination port, input interface.
type PacketRow = (u8, Vec<u8>, Vec<u8>, u16, Option<u16>, Option<String>);
/// The word for what is wanted, addresses and ports with whether the source is rewritten, refusals that are allowed, the
/// frontend, and milliseconds.
type DemandRow = (&'static str, Vec<(String, u16, bool)>, Vec<&'static str>, i64, Option<u64>);

/// A demand with its chance, as numerator and denominator.
type DemandShare = ((u128, u128), DemandRow);

#[pymethods]
impl Declaration {
    /// The parts in flat lists; endpoints of all sets in one text, separated by spaces, and in one list of ports.
    #[new]
    #[expect(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "Python hands over and names them")]
    fn new(
        py: Python<'_>,
        version: u8,
        service_ports: Vec<ServicePortRow>,
        endpoint_addresses: &str,
        endpoint_ports: Vec<u16>,
        frontends: Vec<FrontendRow>,
        weights: Vec<WeightsRow>,
        tables: Vec<TableRow>,
        cluster_ips: Vec<PyBackedStr>,
        service_cidrs: Vec<PyBackedStr>,
        node_port_addresses: Option<Vec<PyBackedStr>>,
        node_port_prefixes: Vec<PyBackedStr>,
        pod_prefixes: Vec<PyBackedStr>,
        pod_interface: &str,
        pod_interface_prefix: &str,
        local_endpoints: Vec<PyBackedStr>,
    ) -> PyResult<Self> {
        let version = match version {
            4 => IpVersion::V4,
            6 => IpVersion::V6,
            _ => return Err(PyValueError::new_err("the version is neither 4 nor 6")),
        };
        let pods = match (pod_interface, pod_interface_prefix) {
            ("", "") => Pods::Sources(prefixes(&pod_prefixes)?),
            (name, "") => Pods::Interface(Span::one(number_of_interface(name)?)),
            (_, start) => Pods::Interface(interfaces(start)?),
        };
        let node_ports = match node_port_addresses {
            Some(listed) => NodePorts::Listed(addresses(&listed)?),
            None if node_port_prefixes.is_empty() => NodePorts::Within(vec![Span { low: 0, high: u128::MAX }]),
            None => NodePorts::Within(prefixes(&node_port_prefixes)?),
        };
        let (cluster_ips, local_endpoints) = (addresses(&cluster_ips)?, addresses(&local_endpoints)?);
        let service_cidrs = prefixes(&service_cidrs)?;
        let made = py.detach(|| {
            let mut service_ports = sets(&service_ports, endpoint_addresses, &endpoint_ports)?;
            for (place, local, weights) in weights {
                set_of(&mut service_ports, place, local)?.weights = weights;
            }
            for (place, local, by_flow, seed, order, slots) in tables {
                let slots = slots.iter().map(|slot| order.get(*slot as usize).copied()).collect::<Option<_>>();
                let slots = slots.ok_or("a table names an endpoint that is not there")?;
                set_of(&mut service_ports, place, local)?.table = Some(Table { by_flow, seed, slots });
            }
            let frontends = frontends.iter().map(frontend).collect::<Result<_, Wrong>>()?;
            let parts = Parts {
                version,
                service_ports,
                frontends,
                cluster_ips,
                service_cidrs,
                node_ports,
                pods,
                local_endpoints,
            };
            declared::Declaration::new(parts).map_err(|error| Wrong::from(error.to_string()))
        });
        made.map(Self).map_err(refused)
    }

    /// What is owed to packets of new connections: for each, what may be wanted with its chance.
    #[expect(
        clippy::too_many_arguments,
        clippy::needless_pass_by_value,
        clippy::fn_params_excessive_bools,
        reason = "Python hands over and names them"
    )]
    fn demands(
        &self,
        py: Python<'_>,
        packets: Vec<PacketRow>,
        output: bool,
        local_addresses: Vec<Vec<u8>>,
        local_addresses_complete: bool,
        remembered: bool,
        big_endian: bool,
    ) -> PyResult<Vec<Vec<DemandShare>>> {
        let surroundings = surroundings(&local_addresses, big_endian)?;
        let options = Options {
            initial_mark: None,
            records: if remembered { Records::Any } else { Records::Absent },
            local_addresses_complete,
            limit: LIMIT,
        };
        let case = Case {
            hook: if output { Hook::Output } else { Hook::Prerouting },
            version: self.0.parts().version,
            state: ConnectionState::New,
        };
        let packets = packets.iter().map(|row| packet(case, row)).collect::<PyResult<Vec<_>>>()?;
        py.detach(|| self.look_up(case, &options, &surroundings, &packets)).map_err(refused)
    }
}

/// The most edges of the functions that are made to look packets up.
const LIMIT: usize = 100_000_000;

/// What is wrong, in words.
#[derive(Debug)]
struct Wrong(String);

impl<T: Into<String>> From<T> for Wrong {
    fn from(words: T) -> Self {
        Self(words.into())
    }
}

fn refused(wrong: Wrong) -> PyErr {
    PyValueError::new_err(wrong.0)
}

impl Declaration {
    fn look_up(
        &self,
        case: Case,
        options: &Options,
        surroundings: &Surroundings,
        packets: &[Packet],
    ) -> Result<Vec<Vec<DemandShare>>, Wrong> {
        let mut functions = Functions::new(case, options.limit);
        let mut demands = Demands::default();
        let node = declared(&self.0, surroundings, options, &mut functions, &mut demands)
            .map_err(|_| "the function has too many parts")?;
        let mut all = Vec::with_capacity(packets.len());
        for packet in packets {
            let assignment = functions.assignment(packet, surroundings, &|_| 0);
            let chances = functions.look_up(node, &assignment).ok_or("the chances are too small")?;
            let row = |(chance, number): (svcc_core::evaluate::Fraction, u32)| {
                let demand = demands.get(number).ok_or("not a demand")?;
                let share = (chance.numerator, chance.denominator);
                Ok((share, demand_row(demand, &demands, case.version)))
            };
            all.push(chances.into_iter().map(row).collect::<Result<Vec<_>, Wrong>>()?);
        }
        Ok(all)
    }
}

fn demand_row(demand: &Demand, demands: &Demands, version: IpVersion) -> DemandRow {
    let refusal = |refusal| match refusal {
        Refusal::Drop => "drop",
        Refusal::Reject => "reject",
    };
    let (mut deliveries, mut refusals) = (Vec::new(), Vec::new());
    let mut add = |wanted| match wanted {
        Wanted::Delivered(to) => deliveries.push((text(version, to.address), to.port, to.masquerade)),
        Wanted::Refused(how) => refusals.push(refusal(how)),
        Wanted::Anything | Wanted::Free | Wanted::Remembered(_) => {}
    };
    let word = match demand.wanted {
        Wanted::Anything => "anything",
        Wanted::Free => "free",
        Wanted::Refused(how) => refusal(how),
        Wanted::Delivered(_) => "delivered",
        Wanted::Remembered(_) => "remembered",
    };
    match demand.wanted {
        Wanted::Remembered(remembered) => demands.allowed(remembered).for_each(add),
        wanted => add(wanted),
    }
    (word, deliveries, refusals, demand.frontend.map_or(-1, i64::from), demand.remember)
}

fn text(version: IpVersion, address: u128) -> String {
    match version {
        IpVersion::V4 => Ipv4Addr::from(u32::try_from(address).unwrap_or(0)).to_string(),
        IpVersion::V6 => Ipv6Addr::from(address).to_string(),
    }
}

fn packet(case: Case, row: &PacketRow) -> PyResult<Packet> {
    let (protocol, source, destination, source_port, destination_port, input_interface) = row;
    let (version, destination) = address(destination)?;
    let (source_version, source) = address(source)?;
    if version != case.version || source_version != case.version {
        return Err(PyValueError::new_err("a packet is of another version of IP"));
    }
    Ok(Packet {
        version,
        protocol: *protocol,
        source,
        destination,
        source_port: Some(*source_port),
        destination_port: *destination_port,
        hook: case.hook,
        input_interface: interface(input_interface.as_deref())?,
        output_interface: None,
        mark: 0,
        state: case.state,
    })
}

/// The service ports with their sets, in the order of which the endpoints are listed.
fn sets(rows: &[ServicePortRow], addresses: &str, ports: &[u16]) -> Result<Vec<ServicePort>, Wrong> {
    let mut places = addresses.split_ascii_whitespace().map(number).zip(ports.iter().copied());
    let mut take = |count: usize| -> Result<Endpoints, Wrong> {
        let mut set = Endpoints::default();
        set.places.reserve_exact(count.min(ports.len()));
        for _ in 0..count {
            let (address, port) = places.next().ok_or("there are fewer endpoints than the sets have")?;
            set.places.push((address?, port));
        }
        Ok(set)
    };
    let mut service_ports = Vec::with_capacity(rows.len());
    for (protocol, cluster, local, seconds) in rows {
        let protocol = match &**protocol {
            "TCP" => 6,
            "UDP" => 17,
            "SCTP" => 132,
            _ => return Err(format!("{protocol:?} is no protocol of Services").into()),
        };
        let affinity = seconds.map(|seconds| seconds.saturating_mul(1000));
        service_ports.push(ServicePort { protocol, cluster: take(*cluster)?, local: take(*local)?, affinity });
    }
    Ok(service_ports)
}

fn set_of(service_ports: &mut [ServicePort], place: usize, local: bool) -> Result<&mut Endpoints, Wrong> {
    let service_port = service_ports.get_mut(place).ok_or("there are fewer service ports")?;
    Ok(if local { &mut service_port.local } else { &mut service_port.cluster })
}

fn frontend(row: &FrontendRow) -> Result<Frontend, Wrong> {
    let (service_port, address, port, inside, outside, masquerade, allowed) = row;
    Ok(Frontend {
        service_port: *service_port,
        address: address.as_deref().map(number).transpose()?,
        port: *port,
        inside: decision(inside)?,
        outside: decision(outside)?,
        masquerade: match &**masquerade {
            "never" => Masquerade::Never,
            "always" => Masquerade::Always,
            "unless-pod" => Masquerade::UnlessPod,
            "node-traffic" => Masquerade::NodeTraffic,
            word => return Err(format!("{word:?} says nothing about masquerading").into()),
        },
        allowed_sources: match allowed {
            Some(allowed) => Some(allowed.iter().map(|text| prefix(text)).collect::<Result<_, _>>()?),
            None => None,
        },
    })
}

fn decision(word: &str) -> Result<Decision, Wrong> {
    Ok(match word {
        "cluster" => Decision::Cluster,
        "local" => Decision::Local,
        "reject" => Decision::Refused(Refusal::Reject),
        "drop" => Decision::Refused(Refusal::Drop),
        _ => return Err(format!("{word:?} is no decision").into()),
    })
}

fn number(text: &str) -> Result<u128, Wrong> {
    match text.parse() {
        Ok(IpAddr::V4(address)) => Ok(u128::from(u32::from(address))),
        Ok(IpAddr::V6(address)) => Ok(u128::from(address)),
        Err(_) => Err(format!("{text:?} is no address").into()),
    }
}

fn prefix(text: &str) -> Result<Span, Wrong> {
    let wrong = || Wrong::from(format!("{text:?} is no prefix"));
    let (address, length) = text.split_once('/').ok_or_else(wrong)?;
    let width: u32 = if address.contains(':') { 128 } else { 32 };
    let length: u32 = length.parse().map_err(|_| wrong())?;
    let free = width.checked_sub(length).ok_or_else(wrong)?;
    let hosts = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
    let low = number(address)? & !hosts;
    Ok(Span { low, high: low | hosts })
}

pub(crate) fn addresses(texts: &[PyBackedStr]) -> PyResult<Vec<u128>> {
    texts.iter().map(|text| number(text)).collect::<Result<_, _>>().map_err(refused)
}

pub(crate) fn prefixes(texts: &[PyBackedStr]) -> PyResult<Vec<Span>> {
    texts.iter().map(|text| prefix(text)).collect::<Result<_, _>>().map_err(refused)
}

fn number_of_interface(name: &str) -> PyResult<u128> {
    interface_number(name).ok_or_else(|| PyValueError::new_err(format!("{name:?} cannot be the name of an interface")))
}

/// All names with this beginning.
fn interfaces(start: &str) -> PyResult<Span> {
    let low = number_of_interface(start)?;
    let free = 8 * (16 - u32::try_from(start.len()).unwrap_or(16));
    Ok(Span { low, high: low | 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1) })
}
