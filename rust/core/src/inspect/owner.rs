//! Whose tables and chains these are, by their names.

use super::references::Graph;
use crate::program::{Action, NatTarget, Program};
use crate::ruleset::{Table, TableFamily};
use std::fmt;

/// Who makes tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// svcc, of whichever version.
    Svcc,
    /// kube-proxy in its nftables mode.
    KubeProxy,
    /// kube-proxy in its modes iptables and ipvs.
    KubeProxyIptables,
    /// What the kubelet keeps in tables of iptables.
    Kubelet,
    /// nftlb, a load balancer.
    Nftlb,
    /// Docker.
    Docker,
    /// firewalld.
    Firewalld,
    /// ufw.
    Ufw,
    /// libvirt.
    Libvirt,
    /// Calico.
    Calico,
    /// Cilium.
    Cilium,
    /// kube-router.
    KubeRouter,
    /// Plugins of the Container Network Interface, and podman.
    Cni,
    /// A table of iptables-nft in which nobody else is recognised.
    Iptables,
    /// Nobody known here.
    Unknown,
}

impl Owner {
    /// Whether it translates the addresses of Services.
    #[must_use]
    pub fn is_service_proxy(self) -> bool {
        matches!(self, Self::Svcc | Self::KubeProxy | Self::KubeProxyIptables | Self::Nftlb)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Svcc => "svcc",
            Self::KubeProxy => "kube-proxy",
            Self::KubeProxyIptables => "kube-proxy-iptables",
            Self::Kubelet => "kubelet",
            Self::Nftlb => "nftlb",
            Self::Docker => "docker",
            Self::Firewalld => "firewalld",
            Self::Ufw => "ufw",
            Self::Libvirt => "libvirt",
            Self::Calico => "calico",
            Self::Cilium => "cilium",
            Self::KubeRouter => "kube-router",
            Self::Cni => "cni",
            Self::Iptables => "iptables",
            Self::Unknown => "unknown",
        })
    }
}

/// Somebody's chains in a table of iptables-nft, which many share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Whose they are.
    pub owner: Owner,
    /// The first chain.
    pub first: String,
    /// How many chains.
    pub chains: usize,
    /// How many rules there are in them.
    pub rules: usize,
    /// A packet can get to one of them that has rules.
    pub hooked: bool,
}

/// Whose a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOwner {
    /// Its owner.
    pub owner: Owner,
    /// Of kube-proxy's tables, the releases of Kubernetes that write such; else empty.
    pub layout: &'static str,
    /// Who else has chains in it, by owner.
    pub tenants: Vec<Tenant>,
}

const BY_TABLE: &[(&str, Owner)] = &[
    ("svcc", Owner::Svcc),
    ("kube-proxy", Owner::KubeProxy),
    ("nftlb", Owner::Nftlb),
    ("docker-bridges", Owner::Docker),
    ("firewalld", Owner::Firewalld),
    ("firewalld_policy_drop", Owner::Firewalld),
    ("libvirt_network", Owner::Libvirt),
    ("calico", Owner::Calico),
    ("cilium", Owner::Cilium),
    ("netavark", Owner::Cni),
    ("cni_hostport", Owner::Cni),
    ("cni_plugins_masquerade", Owner::Cni),
    ("flannel-ipv4", Owner::Cni),
    ("flannel-ipv6", Owner::Cni),
    ("kindnet-network-policies", Owner::Cni),
    ("kube-network-policies", Owner::Cni),
];

/// What the chains of iptables are called by those who make them; the first that fits.
const BY_CHAIN: &[(&str, Owner)] = &[
    ("KUBE-ROUTER-", Owner::KubeRouter),
    ("KUBE-NWPLCY-", Owner::KubeRouter),
    ("KUBE-POD-FW-", Owner::KubeRouter),
    ("KUBE-SERVICES", Owner::KubeProxyIptables),
    ("KUBE-EXTERNAL-SERVICES", Owner::KubeProxyIptables),
    ("KUBE-NODEPORTS", Owner::KubeProxyIptables),
    ("KUBE-NODE-PORT", Owner::KubeProxyIptables),
    ("KUBE-FORWARD", Owner::KubeProxyIptables),
    ("KUBE-PROXY-", Owner::KubeProxyIptables),
    ("KUBE-SVC-", Owner::KubeProxyIptables),
    ("KUBE-SVL-", Owner::KubeProxyIptables),
    ("KUBE-EXT-", Owner::KubeProxyIptables),
    ("KUBE-SEP-", Owner::KubeProxyIptables),
    ("KUBE-FW-", Owner::KubeProxyIptables),
    ("KUBE-XLB-", Owner::KubeProxyIptables),
    ("KUBE-LOAD-BALANCER", Owner::KubeProxyIptables),
    ("KUBE-SOURCE-RANGES-FIREWALL", Owner::KubeProxyIptables),
    // The kubelet of some releases makes the chains for masquerading too, whatever the proxy.
    ("KUBE-", Owner::Kubelet),
    ("DOCKER", Owner::Docker),
    ("ufw-", Owner::Ufw),
    ("ufw6-", Owner::Ufw),
    ("LIBVIRT_", Owner::Libvirt),
    ("cali-", Owner::Calico),
    ("CILIUM_", Owner::Cilium),
    ("OLD_CILIUM_", Owner::Cilium),
    ("CNI-", Owner::Cni),
    ("FLANNEL-", Owner::Cni),
    ("NETAVARK", Owner::Cni),
    ("WEAVE", Owner::Cni),
    ("AWS-", Owner::Cni),
];

/// Whose a chain of a table of iptables is, if that can be told.
pub(super) fn owner_of_chain(name: &str) -> Option<Owner> {
    BY_CHAIN.iter().find(|(start, _)| name.starts_with(start)).map(|(_, owner)| *owner)
}

/// Whose the tables of a program are.
pub(super) fn owners(program: &Program, graph: &Graph<'_>) -> Vec<TableOwner> {
    let tables = &program.ruleset.tables;
    (0..tables.len())
        .map(|place| {
            let table = &tables[place];
            if let Some((_, owner)) = BY_TABLE.iter().find(|(name, _)| *name == table.name) {
                let layout = if *owner == Owner::KubeProxy { kube_proxy_layout(program, graph, place) } else { "" };
                return TableOwner { owner: *owner, layout, tenants: Vec::new() };
            }
            let owner = if is_of_iptables(table) { Owner::Iptables } else { Owner::Unknown };
            TableOwner { owner, layout: "", tenants: tenants(program, graph, place) }
        })
        .collect()
}

fn is_of_iptables(table: &Table) -> bool {
    let names = ["filter", "nat", "mangle", "raw", "security"];
    let built_in = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];
    let known = matches!(table.family, TableFamily::Ip | TableFamily::Ip6) && names.contains(&&*table.name);
    table.managed_by_iptables || known && table.chains.iter().any(|chain| built_in.contains(&&*chain.name))
}

fn tenants(program: &Program, graph: &Graph<'_>, table: usize) -> Vec<Tenant> {
    let mut found: Vec<Tenant> = Vec::new();
    for id in graph.places.chains[table].clone() {
        let name = program.chain_name(id);
        let Some(owner) = owner_of_chain(name) else { continue };
        let rules = program.chains[id].rules.len();
        let hooked = graph.reached[id] && rules > 0;
        match found.iter_mut().find(|tenant| tenant.owner == owner) {
            Some(tenant) => {
                tenant.chains += 1;
                tenant.rules += rules;
                tenant.hooked |= hooked;
            }
            None => found.push(Tenant { owner, first: name.to_owned(), chains: 1, rules, hooked }),
        }
    }
    found.sort_by_key(|tenant| tenant.owner);
    found
}

/// The releases whose layout a table of kube-proxy has.
fn kube_proxy_layout(program: &Program, graph: &Graph<'_>, table: usize) -> &'static str {
    let listed = &program.ruleset.tables[table];
    let has_chain = |name: &str| listed.chains.iter().any(|chain| chain.name == name);
    if has_chain("filter-output-post-dnat") {
        return "1.29 to 1.32";
    }
    if has_chain("mark-for-masquerade") {
        return "1.33 to 1.35";
    }
    if !listed.sets.iter().any(|set| set.name == "hairpin-connections") {
        return "";
    }
    let (mut plain, mut drawn_from_one) = (false, false);
    for id in graph.places.chains[table].clone() {
        let name = program.chain_name(id);
        if !name.starts_with("service-") && !name.starts_with("local-") {
            continue;
        }
        for action in program.chains[id].rules.iter().flat_map(|rule| &rule.actions) {
            match action {
                Action::Nat { target: NatTarget::Terms { .. }, .. } => plain = true,
                Action::Nat { target: NatTarget::Map { map, .. }, .. } => {
                    drawn_from_one |= program.sets[*map].entries.len() == 1;
                }
                _ => {}
            }
        }
    }
    match (plain, drawn_from_one) {
        (true, _) => "1.37",
        (false, true) => "1.36",
        (false, false) => "1.36 or 1.37",
    }
}
