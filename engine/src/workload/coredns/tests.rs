use super::*;
use crate::tables::dns::{Fall, RewriteKind, TemplatePiece};

fn read(text: &str) -> Result<Setup, String> {
    let environment = Environment {
        variable: &|_| None,
        file: &|name| {
            (name == "db").then(|| "@ IN SOA ns host 1 2 3 4 5\n  IN NS ns\nwww 60 IN ( A\n 1.2.3.4 ) ; here\n".into())
        },
        nameservers: &["172.18.0.1".parse().unwrap()],
        search: &[],
        hosts: &[],
        origin: Origin::Kernel,
    };
    setup(text, &environment).map_err(|problem| problem.message)
}

fn chain(text: &str) -> Vec<Plugin> {
    read(text).unwrap().blocks.remove(0).plugins.into_iter().map(|directive| directive.plugin).collect()
}

#[test]
fn the_chain_has_its_own_order() {
    let names: Vec<&str> =
        chain(". {\n forward . /etc/resolv.conf\n kubernetes cluster.local\n cache 30\n errors\n log\n}")
            .iter()
            .map(Plugin::name)
            .collect();
    assert_eq!(names, ["errors", "log", "cache", "kubernetes", "forward"]);
}

#[test]
fn refusals_in_coredns_s_words() {
    let at = |line: u32, text: &str| format!("/etc/coredns/Corefile:{line} - Error during parsing: {text}");
    for (text, message) in [
        (". {\n kubernetes {\n  x y\n }\n}", format!("plugin/kubernetes: {}", at(3, "unknown property 'x'"))),
        (
            ". {\n kubernetes {\n  pods no\n }\n}",
            "plugin/kubernetes: wrong value for pods: no,  must be one of: disabled, verified, insecure".to_owned(),
        ),
        (
            ". {\n kubernetes {\n  pods\n }\n}",
            format!("plugin/kubernetes: {}", at(3, "Wrong argument count or unexpected line ending after 'pods'")),
        ),
        (
            ". {\n kubernetes\n kubernetes\n}",
            "plugin/kubernetes: this plugin can only be used once per Server Block".to_owned(),
        ),
        (". {\n kubernets\n}", at(2, "Unknown directive 'kubernets'")),
        (". {\n log\n}\n. {\n}", "cannot serve dns://.:53 - it is already defined".to_owned()),
        (". {\n forward . nowhere\n}", "plugin/forward: not an IP address or file: \"nowhere\"".to_owned()),
        (". {\n cache x\n cache\n}", "plugin/cache: this plugin can only be used once per Server Block".to_owned()),
        (
            ". {\n kubernetes {\n  ttl 4000\n }\n}",
            format!("plugin/kubernetes: {}", at(3, "ttl must be in range [0, 3600]: 4000")),
        ),
        (
            ". {\n cache {\n  prefetch 3 1m 5%\n }\n}",
            "plugin/cache: percentage should fall in range [10, 90]: 5".to_owned(),
        ),
        (
            ". {\n cache {\n  prefetch 3 1m 50\n }\n}",
            "plugin/cache: last character of percentage should be `%`, but is: '0'".to_owned(),
        ),
        (". {\n rewrite name regex (.* x\n}", "plugin/rewrite: invalid regex matching pattern: (.*".to_owned()),
        (". {\n file nodb\n}", "plugin/file: open nodb: no such file or directory".to_owned()),
    ] {
        assert_eq!(read(text).unwrap_err(), message, "{text}");
    }
    assert_eq!(read(". {\n acl {\n  block\n }\n}").unwrap().warnings.len(), 1);
}

#[test]
fn zones_of_networks() {
    assert_eq!(words::zones("10.244.0.0/16"), [Arc::<str>::from("244.10.in-addr.arpa.")]);
    assert_eq!(words::zones("10.0.0.0/15").len(), 2);
    assert_eq!(words::zones("fd00::/8"), [Arc::<str>::from("d.f.ip6.arpa.")]);
    assert_eq!(words::zone_and_port("example.org:1053"), Ok(("example.org", Some(1053))));
}

#[test]
fn settings_of_plugins() {
    let plugins = chain(
        "example.org {\n hosts {\n  10.0.0.1 a b.example.org\n  fallthrough\n }\n file db\n template IN A {\n  match \
         ^(?P<x>.*)[.]org[.]$\n  answer \"{{ .Name }} 60 IN A 1.2.3.4 {{ .Group.x }}{{ index .Match 1 }}\"\n }\n rewrite name \
         suffix .a.org .b.org answer auto\n}",
    );
    let names: Vec<&str> = plugins.iter().map(Plugin::name).collect();
    assert_eq!(names, ["rewrite", "template", "hosts", "file"]);
    let Plugin::Rewrite(rules) = &plugins[0] else { panic!() };
    assert!(matches!(&rules[0].kind, RewriteKind::Name { auto: true, .. }));
    let Plugin::Template(templates) = &plugins[1] else { panic!() };
    assert_eq!(templates[0].answers[0].0.last(), Some(&TemplatePiece::Group(1)));
    let Plugin::Hosts(hosts) = &plugins[2] else { panic!() };
    assert_eq!((hosts.entries[0].1.len(), hosts.fall.clone()), (2, Fall(Some(vec![".".into()]))));
    let Plugin::File(zones) = &plugins[3] else { panic!() };
    let records: Vec<String> = zones[0].records.iter().map(ToString::to_string).collect();
    assert_eq!(
        records,
        [
            "example.org. 3600 IN SOA ns.example.org. host.example.org. 1 2 3 4 5",
            "example.org. 3600 IN NS ns.example.org.",
            "www.example.org. 60 IN A 1.2.3.4"
        ]
    );
}

#[test]
fn a_cache_prefetches_as_it_is_told() {
    use crate::tables::dns::Prefetch;
    let prefetch = |text: &str| match &chain(&format!(". {{\n cache 30 {{\n  {text}\n }}\n}}"))[0] {
        Plugin::Cache(cache) => cache.prefetch,
        other => panic!("{other:?}"),
    };
    let minute = 60_000_000_000;
    assert_eq!(prefetch("prefetch 3"), Some(Prefetch { amount: 3, within: minute, percentage: 10 }));
    assert_eq!(prefetch("prefetch 2 10m 50%"), Some(Prefetch { amount: 2, within: 10 * minute, percentage: 50 }));
    assert_eq!(prefetch("prefetch 0"), None);
}
