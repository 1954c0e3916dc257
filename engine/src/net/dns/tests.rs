use super::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

fn sample() -> Message {
    let mut message = Message::query(0x1234, Question::new("www.Example.com.", Type::A)).reply(Rcode::NOERROR);
    let name = "www.Example.com.";
    message.answers = vec![
        Record::new(name, 30, Data::Cname("web.example.com.".into())),
        Record::new("web.example.com.", 30, Data::A(Ipv4Addr::new(10, 0, 0, 1))),
        Record::new("web.example.com.", 30, Data::Aaaa(Ipv6Addr::LOCALHOST)),
        Record::new("_x._tcp.example.com.", 5, Data::Srv { priority: 0, weight: 100, port: 80, target: name.into() }),
        Record::new("t.example.com.", 5, Data::Txt(vec![Arc::from(&b"a \"b\""[..]), Arc::from(&b""[..])])),
        Record::new("m.example.com.", 5, Data::Mx { preference: 10, exchange: "mx.example.com.".into() }),
    ];
    let soa = Soa {
        primary: "ns.dns.example.com.".into(),
        mailbox: "hostmaster.example.com.".into(),
        serial: 7,
        refresh: 7200,
        retry: 1800,
        expire: 86400,
        minimum: 5,
    };
    message.authority = vec![Record::new("example.com.", 5, Data::Soa(Box::new(soa)))];
    message.with_edns(1232, vec![(10, Arc::from(&[1, 2, 3][..]))])
}

#[test]
fn bytes_and_back() {
    for compressed in [false, true] {
        let message = Message { compressed, ..sample() };
        let bytes = message.to_bytes();
        assert!(message.fits(bytes.len()) && !message.fits(bytes.len() - 1));
        assert_eq!(Message::parse(&bytes), Some(Message { compressed: true, ..message }));
        // Nothing shorter is a message, nothing longer either.
        (0..bytes.len()).for_each(|len| assert_eq!(Message::parse(&bytes[..len]), None));
        assert_eq!(Message::parse(&[&bytes[..], &[0]].concat()), None);
    }
    let bare = Message::query(7, Question::new(".", Type::A)).reply(Rcode::NOTIMP);
    let bare = Message { questions: Vec::new(), compressed: true, ..bare };
    assert_eq!(Message::parse(&bare.to_bytes()), Some(bare), "a header and nothing else");
    let (plain, short) = (sample().len(), Message { compressed: true, ..sample() }.len());
    assert!(short + 60 < plain, "{short} {plain}");
}

#[test]
fn a_question_s_bytes() {
    let bytes = Message::query(1, Question::new("a.bc.", Type::AAAA)).to_bytes();
    assert_eq!(bytes, b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x1c\0\x01");
}

#[test]
fn pointers_do_not_go_in_circles() {
    let mut bytes = Message::query(1, Question::new("a.", Type::A)).to_bytes();
    bytes[12..14].copy_from_slice(&[0xc0, 12]);
    assert_eq!(Message::parse(&bytes), None);
}

#[test]
fn what_does_not_fit_is_dropped_and_said() {
    let mut message = Message::query(1, Question::new("many.example.com.", Type::A)).reply(Rcode::NOERROR);
    let record = |i: u8| Record::new("many.example.com.", 5, Data::A(Ipv4Addr::new(10, 0, 0, i)));
    message.answers = (0..40).map(record).collect();
    message.truncate(4096);
    assert!(!message.flags.truncated && !message.compressed);
    message.truncate(512);
    // 12 + 22 + 29 × 16 bytes, names as pointers.
    assert_eq!((message.flags.truncated, message.answers.len(), message.len()), (true, 29, 498));
}

#[test]
fn names() {
    assert!(name::is_below("example.com.", "a.EXAMPLE.com.") && !name::is_below("example.com.", "anexample.com."));
    assert_eq!(name::before("a.b.example.com.", "example.com."), Some("a.b"));
    assert_eq!(name::labels("a\\.b.c."), ["a\\.b", "c"]);
    assert!(
        name::is_valid(".") && name::is_valid("a.b.") && !name::is_valid("a..b.") && !name::is_valid(&"a".repeat(64))
    );
    let ip: std::net::IpAddr = "fd00::1".parse().unwrap();
    assert_eq!(name::reverse_address(&name::of_address(ip)), Some(ip));
    assert_eq!(name::reverse_address("1.0.10.in-addr.arpa."), None);
}

#[test]
fn records_as_zone_files_have_them() {
    let record = |line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        parse_record(&words, None, "example.com.", 60).map(|record| record.to_string())
    };
    assert_eq!(record("www 5m IN A 1.2.3.4").unwrap(), "www.example.com. 300 IN A 1.2.3.4");
    assert_eq!(record("@ IN MX 10 mx").unwrap(), "example.com. 60 IN MX 10 mx.example.com.");
    assert_eq!(record("x. TXT v=1").unwrap(), "x. 60 IN TXT \"v=1\"");
    assert!(record("x A nowhere").is_err() && record("x NOPE 1").is_err());
}
