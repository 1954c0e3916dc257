//! `kubernetes`, `k8s_external` and `autopath`.

use super::{Stanza, normal, words};
use crate::manifest::corefile::{Line, Problem, Word};
use crate::net::dns::name;
use crate::tables::dns::{Autopath, AutopathSource, ClusterData, External, Fall, Kubernetes, Plugin, Pods};
use std::collections::BTreeSet;
use std::sync::Arc;

/// `fallthrough [ZONES…]`
pub(super) fn fall(line: &Line) -> Fall {
    let zones: Vec<Arc<str>> = line.args().iter().map(|word| normal(&word.text)).collect();
    Fall(Some(if zones.is_empty() { vec![".".into()] } else { zones }))
}

/// `ttl SECONDS`, at most an hour.
fn ttl(line: &Line) -> Result<u32, Problem> {
    let word = line.args().first().ok_or_else(|| line.arg_error())?;
    let seconds = words::integer(word)?;
    let outside = || line.error(&format!("ttl must be in range [0, 3600]: {seconds}"));
    u32::try_from(seconds).ok().filter(|seconds| *seconds <= 3600).ok_or_else(outside)
}

fn joined(args: &[Word]) -> Arc<str> {
    args.iter().map(|word| &*word.text).collect::<Vec<_>>().join(" ").into()
}

fn is_reverse(zone: &str) -> bool {
    name::is_below("in-addr.arpa.", zone) || name::is_below("ip6.arpa.", zone)
}

/// Models plugin/kubernetes/setup.go ParseStanza.
pub(super) fn kubernetes(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    let zones = stanza.origins(line.args());
    let Some(primary) = zones.iter().position(|zone| !is_reverse(zone)) else {
        return Err(Problem::plain(line.words.first(), "non-reverse zone name must be used"));
    };
    let mut k = Kubernetes {
        zones,
        primary,
        pods: Pods::Disabled,
        namespaces: BTreeSet::new(),
        endpoint_pod_names: false,
        endpoints: true,
        ttl: 5,
        fall: Fall::default(),
        ignore_empty_service: false,
        multicluster: Vec::new(),
        zonal: false,
        labels: None,
        namespace_labels: None,
        search: stanza.environment.search.to_vec(),
        data: Arc::new(ClusterData::default()),
    };
    let mut warnings = Vec::new();
    for property in &line.lines {
        kubernetes_property(&mut k, property, &mut warnings)?;
    }
    if !k.namespaces.is_empty() && k.namespace_labels.is_some() {
        return Err(line.error("namespaces and namespace_labels cannot both be set"));
    }
    if let Some(zone) = k.multicluster.iter().find(|zone| !k.zones.contains(zone)) {
        let zones: Vec<&str> = k.zones.iter().map(|zone| &**zone).collect();
        let message = format!(
            "is not authoritative for the multicluster zone {zone} (authoritative zones: [{}])",
            zones.join(" ")
        );
        return Err(line.error(&message));
    }
    if k.zonal && !k.endpoints {
        return Err(line.error("zonal requires the endpoint cache; remove noendpoints"));
    }
    stanza.warnings.append(&mut warnings);
    Ok(Plugin::Kubernetes(Box::new(k)))
}

fn kubernetes_property(k: &mut Kubernetes, property: &Line, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    let args = property.args();
    let some = || if args.is_empty() { Err(property.arg_error()) } else { Ok(()) };
    let none = || if args.is_empty() { Ok(()) } else { Err(property.arg_error()) };
    match property.name() {
        "endpoint_pod_names" => {
            none()?;
            k.endpoint_pod_names = true;
        }
        "pods" => {
            let [mode] = args else { return Err(property.arg_error()) };
            k.pods = match &*mode.text {
                "disabled" => Pods::Disabled,
                "insecure" => Pods::Insecure,
                "verified" => Pods::Verified,
                other => {
                    let text = format!("wrong value for pods: {other},  must be one of: disabled, verified, insecure");
                    return Err(Problem::plain(Some(mode), text));
                }
            };
        }
        "namespaces" => {
            some()?;
            k.namespaces.extend(args.iter().map(|word| word.text.clone()));
        }
        "labels" => {
            some()?;
            k.labels = Some(joined(args));
        }
        "namespace_labels" => {
            some()?;
            k.namespace_labels = Some(joined(args));
        }
        "fallthrough" => k.fall = fall(property),
        "ttl" => k.ttl = ttl(property)?,
        "noendpoints" => {
            none()?;
            k.endpoints = false;
        }
        "zonal" => {
            none()?;
            k.zonal = true;
        }
        "ignore" => match args.first() {
            Some(what) if &*what.text == "empty_service" => k.ignore_empty_service = true,
            Some(what) => {
                return Err(Problem::plain(Some(what), format!("unable to parse ignore value: '{}'", what.text)));
            }
            None => {}
        },
        "multicluster" => k.multicluster = args.iter().flat_map(|word| words::zones(&word.text)).collect(),
        "startup_timeout" => {
            some()?;
            words::duration(&args[0])?;
        }
        "endpoint" | "tls" | "kubeconfig" => {
            some()?;
            let message = format!("{} has no effect here: CoreDNS knows this cluster's API", property.name());
            warnings.push(Problem::plain(property.words.first(), message));
        }
        "apiserver_qps" | "apiserver_burst" | "apiserver_max_inflight" => some()?,
        other => return Err(property.error(&format!("unknown property '{other}'"))),
    }
    Ok(())
}

/// Models plugin/k8s_external/setup.go.
pub(super) fn external(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let mut external =
        External { zones: Vec::new(), apex: "dns".into(), ttl: 5, headless: false, fall: Fall::default() };
    for line in &stanza.lines {
        external.zones = stanza.origins(line.args());
        for property in &line.lines {
            match property.name() {
                "ttl" => external.ttl = ttl(property)?,
                "apex" => {
                    let apex = property.args().first().ok_or_else(|| property.arg_error())?;
                    external.apex = apex.text.clone();
                }
                "headless" => external.headless = true,
                "fallthrough" => external.fall = fall(property),
                other => return Err(property.error(&format!("unknown property '{other}'"))),
            }
        }
    }
    Ok(Plugin::External(external))
}

/// `autopath [ZONES…] RESOLV-CONF`. Models plugin/autopath/setup.go.
pub(super) fn autopath(stanza: &mut Stanza<'_>) -> Result<Plugin, Problem> {
    let line = stanza.once()?;
    let Some((source, zones)) = line.args().split_last() else {
        return Err(Problem::plain(line.words.first(), "no resolv-conf specified"));
    };
    let zones = stanza.origins(zones);
    let source = match source.text.strip_prefix('@') {
        Some("kubernetes") => AutopathSource::Kubernetes,
        Some(other) => {
            let message = format!("failed to find plugin: {other}");
            return Err(Problem::plain(Some(source), message));
        }
        None if &*source.text == "/etc/resolv.conf" => {
            let mut search: Vec<Arc<str>> = stanza.environment.search.iter().map(|domain| normal(domain)).collect();
            search.push("".into());
            AutopathSource::Search(search)
        }
        None => {
            let message =
                format!("failed to parse {:?}: open {}: no such file or directory", &*source.text, source.text);
            return Err(Problem::plain(Some(source), message));
        }
    };
    Ok(Plugin::Autopath(Autopath { zones, source }))
}
