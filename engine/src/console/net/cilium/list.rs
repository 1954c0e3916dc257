//! Endpoints and identities, as the agent's API tells them.

use crate::tables::Origin;
use crate::tables::ebpf::{Direction, Ebpf, EndpointInfo, Identity, PolicyKey};
use crate::tables::text::ebpf::columns;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// `cilium-dbg endpoint list`
pub fn endpoints(maps: &Ebpf) -> String {
    let head = [
        "ENDPOINT",
        "POLICY (ingress)",
        "POLICY (egress)",
        "IDENTITY",
        "LABELS (source:key[=value])",
        "IPv6",
        "IPv4",
        "STATUS",
    ];
    let below = ["", "ENFORCEMENT", "ENFORCEMENT", "", "", "", "", ""];
    let mut lines = vec![head.map(str::to_owned).to_vec(), below.map(str::to_owned).to_vec()];
    let mut infos: Vec<(Ipv4Addr, &EndpointInfo)> =
        maps.endpoints.iter().filter_map(|(ip, row)| Some((*ip, row.pod.as_ref()?))).collect();
    infos.sort_by_key(|(_, info)| info.id);
    for (ip, info) in infos {
        let enforced = |direction| if is_open(info, direction) { "Disabled" } else { "Enabled" }.to_owned();
        let mut labels = maps.labels_of(info.identity).into_iter();
        let text = |label: Option<Arc<str>>| label.map_or_else(String::new, |label| label.to_string());
        lines.push(vec![
            info.id.to_string(),
            enforced(Direction::Ingress),
            enforced(Direction::Egress),
            info.identity.0.to_string(),
            text(labels.next()),
            String::new(),
            ip.to_string(),
            "ready".to_owned(),
        ]);
        lines.extend(labels.map(|label| {
            let mut line = vec![String::new(); 8];
            line[4] = label.to_string();
            line
        }));
    }
    columns(&lines)
}

/// Nothing but Cilium itself lets everything through.
fn is_open(info: &EndpointInfo, direction: Direction) -> bool {
    let key = PolicyKey { direction, identity: Identity::ANY, protocol: None, port: 0, port_len: 0 };
    info.policy.get(&key).is_some_and(|entry| matches!(entry.origin, Origin::Default { .. }))
}

/// `cilium-dbg identity list`
pub fn identities(maps: &Ebpf) -> String {
    let mut all: BTreeSet<Identity> = (1..=8).map(Identity).collect();
    all.extend(maps.labels.keys());
    lines(maps, all.into_iter())
}

/// `cilium-dbg identity get ID`
pub fn identity(maps: &Ebpf, id: &str) -> Result<String, String> {
    let identity =
        id.parse().map(Identity).map_err(|_| format!("Cannot get identity for given ID {id}: invalid ID"))?;
    let known = identity.reserved().is_some() || maps.labels.contains_key(&identity);
    let found = known.then(|| lines(maps, std::iter::once(identity)));
    found.ok_or_else(|| {
        format!("Cannot get identity for given ID {id}: [GET /identity/{{id}}][404] getIdentityIdNotFound")
    })
}

fn lines(maps: &Ebpf, identities: impl Iterator<Item = Identity>) -> String {
    let mut lines = vec![vec!["ID".to_owned(), "LABELS".to_owned()]];
    for identity in identities {
        for (at, label) in maps.labels_of(identity).iter().enumerate() {
            let id = if at == 0 { identity.0.to_string() } else { String::new() };
            lines.push(vec![id, label.to_string()]);
        }
    }
    columns(&lines)
}
