use super::*;
use crate::tables::Origin;

/// What kube-proxy and Flannel write, and more.
const RULES: &str = include_str!("tests.rules");

fn ruleset() -> Ruleset {
    parse(Family::V4, RULES, &Origin::Kernel).unwrap()
}

fn none(_: TableName, _: &Arc<Chain>, _: Option<usize>) -> (u64, u64) {
    (0, 0)
}

#[test]
fn what_is_saved_is_read_again() {
    let ruleset = ruleset();
    let text = save_all(Family::V4, &ruleset, None, "Fri Nov 27 18:55:03 2026", (&none, false));
    let again = parse(Family::V4, &text, &Origin::Kernel).unwrap();
    assert_eq!(save_all(Family::V4, &again, None, "Fri Nov 27 18:55:03 2026", (&none, false)), text);
}

#[test]
fn arguments_are_saved_in_the_real_order() {
    let save = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        save(Family::V4, "C", &parse_rule(Family::V4, &words, &Origin::Kernel).unwrap())
    };
    assert_eq!(
        save("-m comment --comment ns/svc:p80 -m tcp -p tcp -d 172.30.0.41 --dport 80 -j REJECT"),
        "-A C -d 172.30.0.41/32 -p tcp -m comment --comment \"ns/svc:p80\" -m tcp --dport 80 -j REJECT \
         --reject-with icmp-port-unreachable"
    );
    assert_eq!(save("-j MARK --xor-mark 0x4000"), "-A C -j MARK --set-xmark 0x4000/0x0");
    assert_eq!(save("-m mark ! --mark 0x4000/0x4000 -j RETURN"), "-A C -m mark ! --mark 0x4000/0x4000 -j RETURN");
    assert_eq!(
        save("-m statistic --mode random --probability 0.3333333333 -j D"),
        "-A C -m statistic --mode random --probability 0.33333333349 -j D"
    );
}

#[test]
fn what_kube_proxy_writes_is_written_so() {
    for line in [
        "-A C -m comment --comment \"ns4/svc4:p80 -> 10.180.0.4:80\" -m statistic --mode random --probability 0.3333333333 -j D",
        "-A C -m comment --comment ns5/svc5:p80 -m recent --name KUBE-SEP-I77 --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.3:80",
        "-A C -m comment --comment x -m tcp -p tcp -d 172.30.0.42 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ",
        "-A C -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP",
        "-A C -j MARK --or-mark 0x4000",
        "-A C -m comment --comment x -m addrtype --dst-type LOCAL -m tcp -p tcp --dport 3001 -j REJECT",
        "-A C -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
    ] {
        let text = format!("*nat\n:C - [0:0]\n:D - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n{line}\nCOMMIT\n");
        let ruleset = parse(Family::V4, &text, &Origin::Kernel).unwrap();
        let table = &ruleset.tables[&TableName::Nat];
        let chain = table.chain(table.find("C").unwrap()).unwrap();
        assert_eq!(written(Family::V4, "C", &chain.rules[0]), line);
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let error = |text: &str| parse(Family::V4, text, &Origin::Kernel).unwrap_err().to_string();
    assert_eq!(error("*nat\n-A NOPE -j ACCEPT\nCOMMIT"), "line 2: there is no chain \"NOPE\" in table nat");
    assert_eq!(
        error("*filter\n-A INPUT -j WHERE\nCOMMIT"),
        "line 3: chain INPUT leads to WHERE, which is neither a chain nor a target"
    );
    assert_eq!(error("*filter\n-A INPUT -s fd00::1 -j DROP\nCOMMIT"), "line 2: host/network \"fd00::1\" not found");
    assert_eq!(error("*filter\n-A INPUT -m comment --comment \"x\nCOMMIT"), "line 2: a quotation mark is not closed");
    assert_eq!(error("*filter\n:INPUT DENY [0:0]\nCOMMIT"), "line 2: \"DENY\" is no policy: ACCEPT or DROP");
    assert_eq!(error("*filter\n-A INPUT -p tcp --dport\nCOMMIT"), "line 2: option \"--dport\" requires an argument");
    assert_eq!(error("*filter\n-A INPUT -j ACCEPT"), "line 2: COMMIT is missing");
    assert_eq!(error("-A INPUT -j ACCEPT"), "line 1: a table's name must come first: `*filter`");
}

/// The real iptables, in a network namespace of its own; `None` where there is none or no right to use it.
fn real(commands: &str) -> Option<String> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut child = Command::new("unshare")
        .args(["-n", "sh", "-ec", &format!("iptables-restore; {commands}")])
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(RULES.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}

#[test]
fn the_real_tools_print_the_same() {
    let Some(saved) = real("iptables-save") else { return };
    if !saved.contains("v1.8.9 (nf_tables)") {
        return;
    }
    let ruleset = ruleset();
    let without_date = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(" on ").next().unwrap_or_default().to_owned()).collect()
    };
    let own = save_all(Family::V4, &ruleset, None, "Fri", (&none, false));
    assert_eq!(without_date(&own), without_date(&saved));
    let own = save_all(Family::V4, &ruleset, Some(TableName::Nat), "Fri", (&none, true));
    assert_eq!(without_date(&own), without_date(&real("iptables-save -c -t nat").unwrap()));
    for name in TableName::ALL {
        let (table, t) = (&ruleset.tables[&name], name.name());
        let list = |columns| list(Family::V4, table, None, columns, &none).unwrap();
        let columns = Columns { numeric: true, ..Columns::default() };
        assert_eq!(list(columns), real(&format!("iptables -t {t} -L -n")).unwrap());
        let columns = Columns { verbose: true, line_numbers: true, ..columns };
        assert_eq!(list(columns), real(&format!("iptables -t {t} -L -nv --line-numbers")).unwrap());
        let columns = Columns { exact: true, line_numbers: false, ..columns };
        assert_eq!(list(columns), real(&format!("iptables -t {t} -nvxL")).unwrap());
        assert_eq!(list_rules(Family::V4, table, None, (&none, false)), real(&format!("iptables -t {t} -S")));
        assert_eq!(list_rules(Family::V4, table, None, (&none, true)), real(&format!("iptables -t {t} -vS")));
    }
    let chain = real("iptables -t nat -S KUBE-SEP; iptables -t nat -nL KUBE-SEP").unwrap();
    let table = &ruleset.tables[&TableName::Nat];
    let columns = Columns { numeric: true, ..Columns::default() };
    let own = list_rules(Family::V4, table, Some("KUBE-SEP"), (&none, false)).unwrap();
    assert_eq!(own + &list(Family::V4, table, Some("KUBE-SEP"), columns, &none).unwrap(), chain);
}
