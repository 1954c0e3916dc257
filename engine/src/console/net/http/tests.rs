use crate::console::net::testing::Lab;

#[test]
fn wget_as_busybox_has_it() {
    let mut lab = Lab::default();
    let web = lab.ip("web");
    let page = lab.run("busy", "wget -q -O- {web}");
    assert!(page.status == 0 && page.out.contains("Welcome to nginx!") && page.err.is_empty(), "{page:?}");
    let said = lab.run("busy", "cd /tmp; wget {web}; ls; wget {web}");
    assert!(said.err.starts_with(&format!("Connecting to {web} ({web}:80)\nsaving to 'index.html'\n")), "{said:?}");
    assert!(
        said.err.ends_with("wget: can't open 'index.html': File exists\n") && said.out == "index.html\n",
        "{said:?}"
    );
    let refused =
        format!("Connecting to {web}:81 ({web}:81)\nwget: can't connect to remote host ({web}): Connection refused\n");
    assert_eq!(lab.run("busy", "wget -O- {web}:81").err, refused);
    assert_eq!(lab.text("busy", "wget -q -T 1 -O- 10.244.1.200", 1), "wget: download timed out\n");
    assert_eq!(lab.text("busy", "wget -q -T 1 ftp://x", 1), "wget: not an http or ftp url: ftp://x\n");
}

#[test]
fn curl_and_its_exit_codes() {
    let mut lab = Lab::default();
    let web = lab.ip("web");
    let page = lab.run("net", "curl -s {web}");
    assert!(page.status == 0 && page.out.contains("Welcome to nginx!"), "{page:?}");
    assert_eq!(
        lab.text("net", "curl -s -o /dev/null -w '%{http_code} %{remote_ip}\\n' {web}", 0),
        format!("200 {web}\n")
    );
    let head = lab.text("net", "curl -sI http://{web}/", 0);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nServer: nginx/") && head.ends_with("\r\n\r\n"), "{head}");
    let refused = lab.run("net", "curl {web}:81");
    assert_eq!(refused.status, 7);
    assert!(refused.err.starts_with(&format!("curl: (7) Failed to connect to {web} port 81 after ")), "{refused:?}");
    assert!(refused.err.ends_with(" ms: Could not connect to server\n"), "{refused:?}");
    let late = lab.run("net", "curl -m 2 10.244.1.200");
    assert_eq!((late.status, late.err.as_str()), (28, "curl: (28) Connection timed out after 2000 milliseconds\n"));
    assert_eq!(
        lab.text("net", "curl --nope x", 2),
        "curl: option --nope: is unknown\ncurl: try 'curl --help' or 'curl --manual' for more information\n"
    );
    assert_eq!(lab.text("net", "curl 'http://a b/'", 3), "curl: (3) URL rejected: Malformed input to a URL function\n");
    let said = lab.run("net", "curl -sv --resolve web.test:80:{web} http://web.test/").err;
    assert!(
        said.contains(&format!("* Connected to web.test ({web}) port 80\n")) && said.contains("> Host: web.test\n"),
        "{said}"
    );
}
