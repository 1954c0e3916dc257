//! The signs of kinds and devices: one set for the canvas, trees, lists and menus.

/// What has a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    Node,
    Pod,
    Container,
    Deployment,
    ReplicaSet,
    DaemonSet,
    Service,
    ConfigMap,
    Namespace,
    /// A Pod's `eth0` and the veth it is plugged into.
    Veth,
    Bridge,
    Vxlan,
    Nic,
    /// The wire between nodes.
    Switch,
    Gateway,
    Route,
    Socket,
    StatefulSet,
    EndpointSlice,
    /// A name server.
    Dns,
    /// What lies beyond the gateway.
    Internet,
}

impl Glyph {
    pub const ALL: [Glyph; 21] = [
        Glyph::Node,
        Glyph::Pod,
        Glyph::Container,
        Glyph::Deployment,
        Glyph::ReplicaSet,
        Glyph::DaemonSet,
        Glyph::Service,
        Glyph::ConfigMap,
        Glyph::Namespace,
        Glyph::Veth,
        Glyph::Bridge,
        Glyph::Vxlan,
        Glyph::Nic,
        Glyph::Switch,
        Glyph::Gateway,
        Glyph::Route,
        Glyph::Socket,
        Glyph::StatefulSet,
        Glyph::EndpointSlice,
        Glyph::Dns,
        Glyph::Internet,
    ];

    /// Lines in a square of 16, as SVG writes them; drawn 1.4 wide with round ends.
    pub fn path(self) -> &'static str {
        match self {
            // Two drawers of a rack.
            Glyph::Node => "M2.5 2.5h11v11h-11zM2.5 8h11M5 5.3h2M5 10.8h2",
            // Peas in a pod.
            Glyph::Pod => "M5.5 4h5a4 4 0 0 1 0 8h-5a4 4 0 0 1 0-8zM5.3 8h.1M8 8h.1M10.7 8h.1",
            Glyph::Container => "M2.5 4.5h11v7h-11zM5.5 4.5v7M8 4.5v7M10.5 4.5v7",
            // Copies, renewed from below.
            Glyph::Deployment => "M2.5 8.5h8v5h-8zM5.5 8.5v-3h8v5h-3M8 5.5v-4M6 3.4l2-2 2 2",
            Glyph::ReplicaSet => "M2.5 7.5h6v6h-6zM5 7.5V5h6v6H8.500M7.5 5V2.5h6v6H11",
            // One below each.
            Glyph::DaemonSet => "M2 9.5h3v4H2zM6.5 9.5h3v4h-3zM11 9.5h3v4h-3zM3.5 9.500V5.500h9v4M8 9.500v-7",
            // One name, several ends.
            Glyph::Service => "M1.5 8H5l6.5-4.500M5 8h8M5 8l6.5 4.500M13.5 3h.1M14.5 8h.1M13.5 13h.1",
            Glyph::ConfigMap => "M3.5 2.500h9v11h-9zM6 5.500h4M6 8h4M6 10.500h2",
            Glyph::Namespace => "M5 2.500H2.500V5M11 2.500h2.500V5M13.5 11v2.500H11M5 13.500H2.500V11M6 6h4v4H6z",
            // A plug.
            Glyph::Veth => "M5.5 2v3M10.5 2v3M3.5 5h9v2.500a4.5 4.5 0 0 1-9 0zM8 12v2.5",
            Glyph::Bridge => {
                "M1.5 8.500c3.5 0 3.5-4.5 6.5-4.500s3 4.5 6.5 4.500M1.5 12h13M4.5 12V7.500M8 12V4M11.5 12V7.5"
            }
            // The mouth of a tunnel.
            Glyph::Vxlan => "M2 13V8.500a6 6 0 0 1 12 0V13M5.5 13V9a2.5 2.5 0 0 1 5 0v4M1 13h14",
            // A socket in the wall of the machine.
            Glyph::Nic => "M2.5 2.500h11v11h-11zM5 13V9h1.500V7h3v2H11v4",
            Glyph::Switch => "M1.5 5.500h13v5h-13zM4.5 8h.1M8 8h.1M11.5 8h.1M4.5 5.500v-3M11.5 5.500v-3M8 10.500v3",
            // Out of the door.
            Glyph::Gateway => "M9 2.500H3v11h6M6.5 8h7.500M11.5 5.500L14 8l-2.5 2.5",
            // A fork in the road.
            Glyph::Route => "M8 14V9L3.5 4.500M8 9l4.5-4.500M3 7.500V4h3.500M9.5 4H13v3.5",
            // Numbered, each with what it keeps.
            Glyph::StatefulSet => "M2.5 2.500h11v3.500h-11zM2.5 10h11v3.500h-11zM5 6v4M11 6v4M5 4.200h.1M5 11.700h.1",
            // The ends of a Service, listed.
            Glyph::EndpointSlice => "M2 3.500h1M2 8h1M2 12.500h1M5.500 3.500H14M5.500 8H14M5.500 12.500H14",
            // A signpost.
            Glyph::Dns => "M8 14.500V1.500M3 3h8l2.500 2L11 7H3zM13 9.500H6.500L4.500 11l2 1.500H13z",
            // A globe.
            Glyph::Internet => {
                "M8 2a6 6 0 1 1-.01 0zM2 8h12M8 2c-3.500 3.500-3.500 8.500 0 12M8 2c3.500 3.500 3.500 8.500 0 12"
            }
            Glyph::Socket => "M8 2.500a5.5 5.5 0 1 1-.01 0zM6 6.500V8M10 6.500V8M8 10.800h.1",
        }
    }

    /// The sign of a kind as manifests write it, or of a device's kind.
    pub fn of(kind: &str) -> Option<Glyph> {
        Some(match kind {
            "Node" => Glyph::Node,
            "Pod" => Glyph::Pod,
            "Deployment" => Glyph::Deployment,
            "ReplicaSet" => Glyph::ReplicaSet,
            "DaemonSet" => Glyph::DaemonSet,
            "Service" => Glyph::Service,
            "StatefulSet" => Glyph::StatefulSet,
            "EndpointSlice" | "Endpoints" => Glyph::EndpointSlice,
            "ConfigMap" => Glyph::ConfigMap,
            "Namespace" => Glyph::Namespace,
            "bridge" => Glyph::Bridge,
            "vxlan" | "ipip" => Glyph::Vxlan,
            "nic" => Glyph::Nic,
            "veth" => Glyph::Veth,
            "loopback" => Glyph::Socket,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_path_of_its_own_that_stays_in_its_square() {
        for (i, glyph) in Glyph::ALL.iter().enumerate() {
            assert_eq!(*glyph as usize, i);
            let path = glyph.path();
            assert!(path.starts_with('M') && path.len() < 110, "{glyph:?}");
            assert!(Glyph::ALL[i + 1..].iter().all(|other| other.path() != path), "{glyph:?}");
            // What is absolute is in the square; what is relative is looked at.
            let absolute =
                path.split(|c: char| c.is_ascii_alphabetic()).filter_map(|part| part.split([' ', '-']).next());
            assert!(absolute.filter_map(|text| text.parse::<f64>().ok()).all(|n| n <= 16.0), "{glyph:?}");
        }
    }

    #[test]
    fn kinds_and_devices_are_known_by_their_names() {
        assert_eq!(Glyph::of("DaemonSet"), Some(Glyph::DaemonSet));
        assert_eq!(Glyph::of("vxlan"), Some(Glyph::Vxlan));
        assert_eq!(Glyph::of("Lease"), None);
    }
}
