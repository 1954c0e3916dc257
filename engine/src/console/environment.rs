//! A container's environment: the Services that were there before it, then its own variables.
//!
//! Models pkg/kubelet/envvars and kubelet_pods.go makeEnvironmentVariables of Kubernetes 1.34. What comes from ConfigMaps
//! and Secrets is left out.

use crate::cluster::{ObjectKey, PodRecord, Revision, ServiceRecord};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The variables by name.
pub fn of(revision: &Revision, pod: &PodRecord, container: usize, hostname: &str) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    let mut set = |name: String, value: String| _ = variables.insert(name, value);
    // containerd sets it, in container_create.go.
    set("HOSTNAME".into(), hostname.into());
    let made = revision.objects.get(&pod.object_key()).map_or(0, |object| object.created_revision);
    for service in revision.services.values() {
        let everywhere = (&*service.key.namespace, &*service.key.name) == ("default", "kubernetes");
        let linked = service.key.namespace == pod.key.namespace && pod.spec.enable_service_links;
        let object = revision.objects.get(&ObjectKey::service(&service.key));
        if (everywhere || linked) && object.is_some_and(|object| object.created_revision <= made) {
            links(service, &mut set);
        }
    }
    for variable in pod.spec.containers.get(container).into_iter().flat_map(|container| &container.env) {
        let value = match (&variable.value, variable.field_path.as_deref()) {
            (Some(value), _) => value.to_string(),
            (None, Some(path)) => field(revision, pod, path),
            (None, None) => continue,
        };
        set(variable.name.to_string(), value);
    }
    variables
}

/// Models envvars.go FromServices and makeLinkVariables.
fn links(service: &ServiceRecord, set: &mut impl FnMut(String, String)) {
    let Some((ip, _)) = service.cluster_ips.first() else { return };
    let prefix = named(&service.key.name);
    set(format!("{prefix}_SERVICE_HOST"), ip.to_string());
    for (at, port) in service.spec.ports.iter().enumerate() {
        if at == 0 {
            set(format!("{prefix}_SERVICE_PORT"), port.port.to_string());
        }
        if let Some(name) = &port.name {
            set(format!("{prefix}_SERVICE_PORT_{}", named(name)), port.port.to_string());
        }
        let protocol = port.protocol.name();
        let url = format!("{}://{}", protocol.to_ascii_lowercase(), SocketAddr::new(*ip, port.port));
        if at == 0 {
            set(format!("{prefix}_PORT"), url.clone());
        }
        let link = format!("{prefix}_PORT_{}_{protocol}", port.port);
        set(format!("{link}_PROTO"), protocol.to_ascii_lowercase());
        set(format!("{link}_PORT"), port.port.to_string());
        set(format!("{link}_ADDR"), ip.to_string());
        set(link, url);
    }
}

fn named(name: &str) -> String {
    name.replace('-', "_").to_ascii_uppercase()
}

/// `valueFrom.fieldRef.fieldPath`
fn field(revision: &Revision, pod: &PodRecord, path: &str) -> String {
    let node = || revision.nodes.get(pod.node.as_ref()?);
    match path {
        "metadata.name" => pod.key.name.to_string(),
        "metadata.namespace" => pod.key.namespace.to_string(),
        "metadata.uid" => pod.uid.to_string(),
        "spec.nodeName" => pod.node.as_deref().unwrap_or_default().to_owned(),
        "status.podIP" => pod.ips().next().map_or_else(String::new, |ip| ip.to_string()),
        "status.podIPs" => pod.ips().map(|ip| ip.to_string()).collect::<Vec<_>>().join(","),
        "status.hostIP" => node().map_or_else(String::new, |node| node.ip.to_string()),
        path => {
            let label = path.strip_prefix("metadata.labels['").and_then(|rest| rest.strip_suffix("']"));
            label.and_then(|label| pod.labels.get(label)).map_or_else(String::new, ToString::to_string)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::terminal::Terminal;
    use crate::cluster::Options;
    use crate::world::World;

    fn printed(world: &mut World, command: &str) -> String {
        Terminal::default().run(world, command).chunks.iter().map(|chunk| chunk.text.as_str()).collect()
    }

    const PODS: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: POD}\nspec:\n  containers:\n  - {name: c, image: busybox, command: \
                        [sleep, infinity], env: [{name: WHO, value: me}, {name: NODE, valueFrom: {fieldRef: {fieldPath: \
                        spec.nodeName}}}]}\n---\n";
    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: my-db}\nspec:\n  clusterIP: 10.96.0.7\n  ports: [{name: \
                           sql, port: 5432}]\n---\n";

    #[test]
    fn services_that_came_later_are_not_in_it() {
        let mut world = World::new(Options { seed: 1, ..Options::default() });
        world.open_file("a.yaml", &PODS.replace("POD", "early"), true);
        world.open_file("b.yaml", &format!("{SERVICE}{}", PODS.replace("POD", "late")), true);
        let early = printed(&mut world, "kubectl exec early -- env");
        assert!(early.contains("KUBERNETES_SERVICE_HOST=10.96.0.1\nKUBERNETES_SERVICE_PORT=443\n"), "{early}");
        assert!(early.contains("WHO=me\n") && early.contains("NODE=worker-1\n"), "{early}");
        assert!(!early.contains("MY_DB"), "{early}");
        let late = printed(&mut world, "kubectl exec late -- env | grep MY_DB");
        let expected = "MY_DB_PORT=tcp://10.96.0.7:5432\nMY_DB_PORT_5432_TCP=tcp://10.96.0.7:5432\n\
                        MY_DB_PORT_5432_TCP_ADDR=10.96.0.7\nMY_DB_PORT_5432_TCP_PORT=5432\nMY_DB_PORT_5432_TCP_PROTO=tcp\n\
                        MY_DB_SERVICE_HOST=10.96.0.7\nMY_DB_SERVICE_PORT=5432\nMY_DB_SERVICE_PORT_SQL=5432\n";
        assert_eq!(late, expected);
    }

    #[test]
    fn a_pod_may_do_without_links() {
        let mut world = World::new(Options { seed: 1, ..Options::default() });
        let pod = PODS.replace("POD", "bare").replace("spec:\n", "spec:\n  enableServiceLinks: false\n");
        world.open_file("a.yaml", &format!("{SERVICE}{pod}"), true);
        let variables =
            printed(&mut world, "kubectl exec bare -- sh -c 'echo $KUBERNETES_SERVICE_HOST $MY_DB_SERVICE_HOST .'");
        assert_eq!(variables, "10.96.0.1 .\n");
    }
}
