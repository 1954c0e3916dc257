use super::*;
use crate::manifest::Span;
use crate::manifest::typed::{ContainerPort, EnvVar};

fn words(text: &str) -> Vec<Arc<str>> {
    if text.is_empty() { Vec::new() } else { text.split(' ').map(Arc::from).collect() }
}

fn container(image: &str, command: &[&str], args: &str) -> Container {
    let command = command.iter().map(|word| Arc::from(*word)).collect();
    Container { image: image.into(), command, args: words(args), ..Container::default() }
}

fn host() -> Host {
    Host { hostname: "pod-a".into(), ip: "10.244.1.2".parse().ok() }
}

/// `tcp 80, udp 53 @127.0.0.1`, or `waits`, or `exits 1: message`.
fn shape(container: &Container) -> String {
    let behavior = behavior(container, &host());
    if let Some(exit) = behavior.exit {
        assert!(behavior.servers.is_empty());
        return format!("exits {}: {}", exit.status, exit.message);
    }
    let show = |server: &Server| {
        let at = server.ip.map_or_else(String::new, |ip| format!(" @{ip}"));
        format!("{} {}{at}", server.protocol.name().to_ascii_lowercase(), server.port)
    };
    let shown: Vec<String> = behavior.servers.iter().map(show).collect();
    if shown.is_empty() { "waits".into() } else { shown.join(", ") }
}

fn sh(image: &str, script: &str) -> Container {
    container(image, &["sh", "-c", script], "")
}

#[test]
fn image_references() {
    for (reference, repository, name, tag) in [
        ("nginx", "nginx", "nginx", ""),
        ("docker.io/library/nginx:1.27.3-alpine", "nginx", "nginx", "1.27.3-alpine"),
        ("registry.k8s.io/e2e-test-images/agnhost:2.53", "e2e-test-images/agnhost", "agnhost", "2.53"),
        ("localhost:5000/me/app@sha256:0123", "me/app", "app", ""),
        ("localhost:5000/app:v1", "app", "app", "v1"),
        ("", "", "", ""),
    ] {
        let image = Image::parse(reference);
        assert_eq!((image.repository, image.name, image.tag), (repository, name, tag), "{reference}");
    }
    assert_eq!(Image::parse("nginx:1.27.3-alpine").version(), Some("1.27.3"));
    assert_eq!(Image::parse("nginx:1.27").version(), None);
}

#[test]
fn images_by_themselves() {
    for (image, expected) in [
        ("nginx:1.27", "tcp 80"),
        ("nginxinc/nginx-unprivileged", "tcp 8080"),
        ("httpd:2.4", "tcp 80"),
        ("redis:7", "tcp 6379"),
        ("postgres:17", "tcp 5432"),
        ("rabbitmq:4-management", "tcp 4369, tcp 5672, tcp 15692, tcp 25672, tcp 15672"),
        ("traefik/whoami", "tcp 80"),
        ("kennethreitz/httpbin", "tcp 80"),
        ("registry.k8s.io/pause:3.10", "waits"),
        ("registry.k8s.io/e2e-test-images/agnhost:2.53", "waits"),
        ("hashicorp/http-echo", "exits 127: Missing -text option OR ENV var TEXT is empty!"),
        ("busybox", "exits 0: "),
        ("nicolaka/netshoot", "exits 0: "),
        ("registry.k8s.io/coredns/coredns:v1.12.1", "udp 53, tcp 53, tcp 8080, tcp 8181, tcp 9153"),
        ("registry.k8s.io/kube-proxy:v1.34.0", "tcp 10256, tcp 10249 @127.0.0.1"),
        (
            "registry.k8s.io/etcd:3.6.4-0",
            "tcp 2379 @127.0.0.1, tcp 2381 @127.0.0.1, tcp 2379 @10.244.1.2, tcp 2380 @10.244.1.2",
        ),
        ("example.com/mine:1", "waits"),
    ] {
        assert_eq!(shape(&container(image, &[], "")), expected, "{image}");
    }
}

#[test]
fn commands_decide() {
    for (container, expected) in [
        (container("busybox", &["sleep", "3600"], ""), "waits"),
        (container("busybox", &[], "httpd -f -p 8080"), "tcp 8080"),
        (container("busybox", &["/bin/httpd"], "-f -p 127.0.0.1:81"), "tcp 81 @127.0.0.1"),
        (container("nginx", &["sleep", "inf"], ""), "waits"),
        (container("nginx", &["nginx", "-g", "daemon off;"], ""), "tcp 80"),
        (container("redis", &[], "--port 7000"), "tcp 7000"),
        (container("redis", &["redis-server", "/etc/redis.conf"], ""), "tcp 6379"),
        (container("hashicorp/http-echo", &[], "-text=hello -listen=:80"), "tcp 80"),
        (
            container("agnhost", &["/agnhost"], "netexec --http-port=80 --udp-port 81 --sctp-port=82"),
            "tcp 80, udp 81, sctp 82",
        ),
        (container("agnhost", &[], "netexec --udp-port=-1"), "tcp 8080"),
        (container("agnhost", &[], "serve-hostname --tcp --http=false --port 80"), "tcp 80"),
        (container("agnhost", &[], "serve-hostname --udp --http=false --port=81"), "udp 81"),
        (
            container("agnhost", &[], "serve-hostname --udp"),
            "exits 1: Can't server TCP/UDP mode and HTTP mode at the same time",
        ),
        (container("agnhost", &[], "connect 10.0.0.1:80"), "exits 0: "),
        (container("python:3", &["python3", "-m", "http.server"], "9000"), "tcp 9000"),
        (container("python:3", &["python", "app.py"], ""), "waits"),
        (container("alpine/socat", &["socat"], "TCP-LISTEN:8080,fork,reuseaddr EXEC:cat"), "tcp 8080"),
        (container("busybox", &["nc", "-lk", "-p", "7000", "-e", "cat"], ""), "tcp 7000"),
        (container("busybox", &["nc"], "-u -l -p 7000"), "udp 7000"),
        (container("nicolaka/netshoot", &["nc", "-l", "-k", "0.0.0.0", "9000"], ""), "tcp 9000"),
        (container("networkstatic/iperf3", &["iperf3", "-s", "-p", "5202"], ""), "tcp 5202"),
        (container("curlimages/curl", &[], "-sS http://web"), "exits 0: "),
        (
            container("etcd", &["etcd", "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.5:2379"], ""),
            "tcp 2379 @127.0.0.1, tcp 2379 @10.0.0.5",
        ),
        (container("example.com/mine", &["sleep", "1d"], ""), "waits"),
    ] {
        assert_eq!(shape(&container), expected, "{:?} {:?} {:?}", container.image, container.command, container.args);
    }
}

#[test]
fn a_shell_waits_while_its_input_is_open() {
    let open = Container { stdin: true, ..container("busybox", &[], "") };
    assert_eq!(shape(&open), "waits");
    assert_eq!(shape(&Container { stdin: true, ..container("ubuntu", &["bash"], "") }), "waits");
    assert_eq!(shape(&Container { stdin: true, ..sh("busybox", "true") }), "exits 0: ");
}

#[test]
fn scripts_are_looked_through() {
    for (script, expected) in [
        ("while true; do sleep 5; done", "waits"),
        ("echo hello > /www/index.html && httpd -f -p 8080 -h /www", "tcp 8080"),
        ("while true; do echo -e 'HTTP/1.1 200 OK\\r\\n\\r\\nhi' | nc -l -p 1500; done", "tcp 1500"),
        ("httpd -p 80; exec nc -lk -p 81 -e cat", "tcp 80, tcp 81"),
        ("trap 'exit 0' TERM; while :; do wget -qO- web; sleep 1; done", "waits"),
        ("echo done", "exits 0: "),
        ("until nslookup db; do sleep 2; done; sleep infinity", "waits"),
        ("echo \"port $PORT # not a comment\"; httpd -f -p ${PORT:-80} # a comment; nc -l -p 1", "tcp 80"),
        ("nc -lk -p $(echo 1) 2>&1 >/dev/null", "exits 1: "),
        ("false", "exits 1: "),
        ("'unclosed", "waits"),
        ("", "exits 0: "),
        (")))((((\\", "exits 0: "),
    ] {
        assert_eq!(shape(&sh("busybox", script)), expected, "{script}");
    }
    let behavior = behavior(&sh("busybox", "echo hello > /www/index.html && httpd -f -h /www"), &host());
    assert_eq!(behavior.servers[0].app, pages::http("", "text/html", "hello\n"));
    assert_eq!(behavior.servers[0].process, "httpd");
}

fn env(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.into(), value: Some(value.into()), field_path: None }
}

fn declared(port: u16, protocol: Protocol) -> ContainerPort {
    let span = Span::default();
    ContainerPort { name: None, container_port: port, host_port: None, host_ip: None, protocol, span }
}

#[test]
fn variables_reach_commands_and_scripts() {
    let mut with_env = container("agnhost", &[], "netexec --http-port=$(PORT) --udp-port=-1");
    with_env.env = vec![env("PORT", "8000")];
    assert_eq!(shape(&with_env), "tcp 8000");
    let mut script = sh("busybox", "httpd -f -p $POD_IP:$PORT");
    let pod_ip = EnvVar { name: "POD_IP".into(), value: None, field_path: Some("status.podIP".into()) };
    script.env = vec![env("PORT", "8000"), pod_ip];
    assert_eq!(shape(&script), "tcp 8000 @10.244.1.2");
    let mut porter = container("agnhost", &[], "porter");
    porter.env = vec![
        env("SERVE_PORT_80", "foo"),
        env("SERVE_SCTP_PORT_90", "bar"),
        env("SERVE_TLS_PORT_443", "x"),
        env("SERVE_X_1", ""),
    ];
    assert_eq!(shape(&porter), "tcp 80, sctp 90, tcp 443");
    assert_eq!(behavior(&porter, &host()).servers[1].field, "env[1].name");
}

#[test]
fn a_socket_points_at_the_field_that_declares_it() {
    let mut nginx = container("nginx", &[], "");
    assert_eq!(behavior(&nginx, &host()).servers[0].field, "image");
    nginx.ports = vec![declared(8080, Protocol::Tcp), declared(80, Protocol::Tcp)];
    let behavior_of_nginx = behavior(&nginx, &host());
    // containerPorts are information: nginx listens where its configuration says.
    assert_eq!(behavior_of_nginx.servers.len(), 1);
    assert_eq!(behavior_of_nginx.servers[0].field, "ports[1].containerPort");
    let mut unknown = container("example.com/mine", &["/app"], "");
    unknown.ports = vec![declared(9000, Protocol::Sctp)];
    assert_eq!(shape(&unknown), "sctp 9000");
}

#[test]
fn the_second_of_two_containers_that_clash_ends() {
    let spec = PodSpec {
        containers: vec![
            container("nginx", &[], ""),
            container("httpd", &[], ""),
            container("busybox", &["sleep", "1d"], ""),
        ],
        ..PodSpec::default()
    };
    let message = "(98)Address already in use: AH00072: make_sock: could not bind to address 0.0.0.0:80".into();
    assert_eq!(exits(&spec, &host()), vec![(1, Exit { status: 1, message })]);
    let behaviors = behaviors(&spec, &host());
    assert_eq!((behaviors[0].servers.len(), behaviors[1].servers.len()), (1, 0));
}

#[test]
fn strange_scripts_take_bounded_time() {
    for unit in ["$(", "${", "'\"", "|&;", "while ", "((", "a=b ", "> ", "\\"] {
        let script = unit.repeat(60_000 / unit.len());
        let _ = shape(&sh("busybox", &script));
    }
}
