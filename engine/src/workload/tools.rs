//! Which tools can be run in a container: what its image has.

use super::Image;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    None,
    Busybox,
    Iputils,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Netcat {
    None,
    Busybox,
    OpenBsd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ip {
    None,
    Busybox,
    /// With `bridge` and `ss`.
    Iproute2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traceroute {
    None,
    Busybox,
    /// Dmitry Butskoy's, as Debian and Ubuntu have it.
    Linux,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wget {
    None,
    Busybox,
    Gnu,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// No shell: nothing can be run but the image's own program.
    None,
    /// busybox's `ash`, as `sh`.
    Ash,
    /// Debian's `dash` as `sh`, and `bash`.
    Bash,
    /// busybox's `sh`, and `bash`.
    AshBash,
}

/// The tools of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toolbox {
    pub shell: Shell,
    /// busybox's other applets: `ls`, `cat`, `nslookup`, `arp`, `route`, `ifconfig`, `netstat` …
    pub busybox: bool,
    pub ping: Ping,
    pub ip: Ip,
    pub netcat: Netcat,
    pub traceroute: Traceroute,
    pub wget: Wget,
    pub curl: bool,
    /// BIND's `dig`, `host` and `nslookup`.
    pub dig: bool,
    pub agnhost: bool,
}

impl Toolbox {
    const NONE: Toolbox = Toolbox {
        shell: Shell::None,
        busybox: false,
        ping: Ping::None,
        ip: Ip::None,
        netcat: Netcat::None,
        traceroute: Traceroute::None,
        wget: Wget::None,
        curl: false,
        dig: false,
        agnhost: false,
    };

    /// busybox and nothing else; Alpine has the same applets.
    const BUSYBOX: Toolbox = Toolbox {
        shell: Shell::Ash,
        busybox: true,
        ping: Ping::Busybox,
        ip: Ip::Busybox,
        netcat: Netcat::Busybox,
        traceroute: Traceroute::Busybox,
        wget: Wget::Busybox,
        ..Toolbox::NONE
    };

    /// Debian or Ubuntu as their base images are: not one network tool.
    const DEBIAN: Toolbox = Toolbox { shell: Shell::Bash, ..Toolbox::NONE };

    const DEBIAN_CURL: Toolbox = Toolbox { curl: true, ..Toolbox::DEBIAN };

    /// Debian with its build dependencies, as the interpreters' full images are.
    const DEBIAN_FULL: Toolbox = Toolbox { curl: true, wget: Wget::Gnu, ..Toolbox::DEBIAN };

    const NETSHOOT: Toolbox = Toolbox {
        shell: Shell::AshBash,
        ping: Ping::Iputils,
        ip: Ip::Iproute2,
        netcat: Netcat::OpenBsd,
        curl: true,
        dig: true,
        ..Toolbox::BUSYBOX
    };

    /// A node: Ubuntu with the usual tools.
    pub const NODE: Toolbox = Toolbox {
        ping: Ping::Iputils,
        ip: Ip::Iproute2,
        netcat: Netcat::OpenBsd,
        traceroute: Traceroute::Linux,
        dig: true,
        ..Toolbox::DEBIAN_FULL
    };

    /// The tools of an image. One that is not known is taken to be built on Alpine unless its tag says otherwise.
    pub fn of(reference: &str) -> Toolbox {
        let image = Image::parse(reference);
        let alpine = image.is_variant("alpine");
        let slim = image.is_variant("slim");
        match image.name {
            "cilium" if image.repository == "cilium/cilium" => Toolbox { ip: Ip::Iproute2, ..Toolbox::DEBIAN },
            "cilium-envoy" => Toolbox::DEBIAN,
            "operator-generic" => Toolbox::NONE,
            "netshoot" | "network-multitool" => Toolbox::NETSHOOT,
            "agnhost" => Toolbox {
                shell: Shell::AshBash,
                ip: Ip::Iproute2,
                netcat: Netcat::OpenBsd,
                curl: true,
                dig: true,
                agnhost: true,
                ..Toolbox::BUSYBOX
            },
            "curl" => Toolbox { curl: true, ..Toolbox::BUSYBOX },
            name if DISTROLESS.contains(&name) => Toolbox::NONE,
            "nginx" | "nginx-unprivileged" if alpine => Toolbox { curl: true, ..Toolbox::BUSYBOX },
            "nginx" | "nginx-unprivileged" => Toolbox::DEBIAN_CURL,
            _ if alpine => Toolbox::BUSYBOX,
            name if DEBIAN_FULL.contains(&name) && !slim => Toolbox::DEBIAN_FULL,
            name if DEBIAN.contains(&name) || slim => Toolbox::DEBIAN,
            _ if image.is_variant("bookworm") || image.is_variant("trixie") => Toolbox::DEBIAN,
            "dnsutils" | "jessie-dnsutils" => Toolbox { dig: true, ..Toolbox::DEBIAN },
            "flannel" => Toolbox { ip: Ip::Iproute2, ..Toolbox::BUSYBOX },
            _ => Toolbox::BUSYBOX,
        }
    }
}

const DISTROLESS: [&str; 14] = [
    "pause",
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "http-echo",
    "whoami",
    "metrics-server",
    "hello-app",
    "go-httpbin",
    "hello-world",
    "nats",
];

const DEBIAN_FULL: [&str; 8] = ["python", "node", "golang", "ruby", "rust", "perl", "openjdk", "httpbin"];

const DEBIAN: [&str; 18] = [
    "debian",
    "ubuntu",
    "httpd",
    "redis",
    "memcached",
    "postgres",
    "mysql",
    "mariadb",
    "mongo",
    "rabbitmq",
    "wordpress",
    "php",
    "cassandra",
    "centos",
    "fedora",
    "rockylinux",
    "almalinux",
    "amazonlinux",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_follow_the_image() {
        for (image, ping, ip, shell) in [
            ("busybox:1.36", Ping::Busybox, Ip::Busybox, Shell::Ash),
            ("nicolaka/netshoot", Ping::Iputils, Ip::Iproute2, Shell::AshBash),
            ("nginx:1.27", Ping::None, Ip::None, Shell::Bash),
            ("docker.io/library/nginx:1.27-alpine", Ping::Busybox, Ip::Busybox, Shell::Ash),
            ("registry.k8s.io/pause:3.10", Ping::None, Ip::None, Shell::None),
            ("registry.k8s.io/e2e-test-images/agnhost:2.53", Ping::Busybox, Ip::Iproute2, Shell::AshBash),
            ("python:3.13-slim", Ping::None, Ip::None, Shell::Bash),
        ] {
            let tools = Toolbox::of(image);
            assert_eq!((tools.ping, tools.ip, tools.shell), (ping, ip, shell), "{image}");
        }
        assert!(Toolbox::of("python:3.13").curl && !Toolbox::of("python:3.13-slim").curl);
    }
}
