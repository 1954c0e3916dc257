//! Which commands a place has, by its toolbox.

use super::super::machine::{Context, Machine};
use super::cilium;
use crate::workload::{Ip, Netcat, Ping, Shell, Toolbox, Traceroute, Wget};

/// Is there a program of this name here?
pub fn has(machine: &Machine<'_>, name: &str) -> bool {
    let tools = machine.toolbox();
    match machine.context {
        Context::Container { .. } => in_image(&tools, name) || of_cilium(machine, name),
        Context::Node { .. } => in_image(&tools, name) || listed(MACHINE, name) || listed(NODE, name),
        Context::Host => in_image(&tools, name) || listed(MACHINE, name) || listed("kubectl k ssh jq podhop", name),
    }
}

/// Where it is.
pub fn path(machine: &mut Machine<'_>, name: &str) -> Option<String> {
    if !has(machine, name) {
        return None;
    }
    let tools = machine.toolbox();
    let folder = match name {
        "calicoctl" | "kubectl" | "k" | "podhop" => "/usr/local/bin",
        "agnhost" => "",
        "curl" | "dig" | "host" => "/usr/bin",
        "ip" | "bridge" | "ss" if tools.ip == Ip::Iproute2 && tools.busybox => "/sbin",
        _ if tools.busybox => "/bin",
        "sysctl" | "tcpdump" | "iptables" | "iptables-save" | "ip6tables" | "ip6tables-save" | "conntrack"
        | "ipset" | "ipvsadm" | "nft" | "arp" | "route" | "ifconfig" => "/usr/sbin",
        _ => "/usr/bin",
    };
    Some(format!("{folder}/{name}"))
}

/// What the image of Cilium's agent has.
fn of_cilium(machine: &Machine<'_>, name: &str) -> bool {
    let known = cilium::PROGRAMS.contains(&name) || listed("bpftool iptables iptables-save ipset", name);
    known && cilium::is_agent(machine)
}

fn in_image(tools: &Toolbox, name: &str) -> bool {
    let netshoot = tools.busybox && tools.ip == Ip::Iproute2 && tools.ping == Ping::Iputils;
    match name {
        "sh" => tools.shell != Shell::None,
        "bash" => matches!(tools.shell, Shell::Bash | Shell::AshBash),
        "ash" => matches!(tools.shell, Shell::Ash | Shell::AshBash),
        "ping" | "ping6" => tools.ping != Ping::None,
        "ip" => tools.ip != Ip::None,
        "bridge" | "ss" | "tc" | "nstat" => tools.ip == Ip::Iproute2,
        "nc" => tools.netcat != Netcat::None,
        "netcat" => tools.netcat == Netcat::OpenBsd,
        "traceroute" | "traceroute6" => tools.traceroute != Traceroute::None,
        "wget" => tools.wget != Wget::None,
        "curl" => tools.curl,
        "dig" | "host" => tools.dig,
        "nslookup" => tools.dig || tools.busybox,
        "agnhost" => tools.agnhost,
        _ if tools.shell == Shell::None => false,
        _ => {
            listed(EVERYWHERE, name)
                || (if tools.busybox { listed(BUSYBOX, name) } else { listed(DEBIAN, name) })
                || netshoot && listed(NETSHOOT, name)
        }
    }
}

fn listed(names: &str, name: &str) -> bool {
    !name.is_empty() && names.split(' ').any(|known| known == name)
}

/// busybox has them and Debian's base image too.
const EVERYWHERE: &str = "[ awk base64 basename cat chgrp chmod chown chroot cksum clear cmp comm cp cut date dd df \
    diff dirname du echo egrep env expand expr false fgrep find fold grep gunzip gzip head hostid hostname id install \
    link ln login logname ls md5sum mkdir mkfifo mknod mktemp more mount mountpoint mv nice nl nohup nproc od paste \
    printenv printf pwd readlink realpath renice reset rev rm rmdir run-parts sed seq setsid sha1sum sha256sum \
    sha512sum shred shuf sleep sort split stat stty su sum sync tac tail tar tee test timeout touch tr true truncate \
    tsort tty umount uname uniq unlink wc which whoami xargs yes zcat";

const BUSYBOX: &str = "[[ adduser ar arch arp arping brctl bunzip2 busybox bzip2 cal chvt crond crontab dc \
    deluser dmesg dnsdomainname dos2unix ed ether-wake factor flock free fsync ftpget ftpput fuser getopt groups hd \
    hexdump httpd hwclock ifconfig inetd iostat ipcalc kill killall less logger lsof lspci microcom mpstat nanddump nbd-client \
    netstat nmeter nsenter patch pgrep pidof pkill pmap ps pstree pwdx route setpriv strings svc sysctl telnet telnetd tftp time top \
    traceroute6 tree ts udhcpc unexpand unix2dos unshare unzip uptime uudecode uuencode vi vlock volname watch xxd";

const DEBIAN: &str = "apt apt-get arch dash dpkg dpkg-query factor flock getent getopt groups join kill last logger \
    mawk nsenter numfmt perl pinky ptx setpriv stdbuf tput unexpand unshare users vdir who";

/// What a machine has besides its base system.
const MACHINE: &str = "arp bridge calicoctl column conntrack dmesg ethtool free gawk hexdump ifconfig ipset iptables \
    iptables-save ip6tables ip6tables-save ipvsadm jq journalctl less lsof mtr netstat nft perl pgrep pkill ps python3 route ss strace sudo sysctl \
    systemctl tcpdump telnet time top tree uptime vi vim watch xxd";

const NODE: &str = "crictl ctr kubeadm kubelet";

const NETSHOOT: &str = "bird conntrack dhcping drill ethtool file fping grpcurl iftop iperf iperf3 iptables \
    iptables-save ip6tables ip6tables-save ipset iptraf-ng ipvsadm jq mtr net-snmp-tools nft ngrep nmap nping openssl python3 scapy \
    socat speedtest-cli strace swaks tcpdump tcptraceroute termshark tshark util-linux vim websocat zsh";

#[cfg(test)]
mod tests {
    use super::super::testing::Lab;

    #[test]
    fn a_shell_does_not_find_what_the_image_lacks() {
        let mut lab = Lab::default();
        assert_eq!(lab.text("web", "ping 10.244.1.2", 127), "sh: ping: not found\n");
        assert_eq!(
            lab.text("busy", "curl 10.244.1.2; which ping wget", 0),
            "/bin/ping\n/bin/wget\nsh: curl: not found\n"
        );
        assert_eq!(lab.text("web", "which curl; ls /bin | head -n 1; nc", 127), "/usr/bin/curl\nsh: nc: not found\n");
        assert_eq!(lab.text("@worker-1", "kubectl get pods", 127), "sh: kubectl: not found\n");
    }

    #[test]
    fn what_is_there_but_not_simulated_says_so() {
        let mut lab = Lab::default();
        assert_eq!(lab.text("busy", "vi /etc/hosts", 1), "vi: podhop does not simulate this program\n");
        assert!(lab.text("@worker-1", "tcpdump -i any", 1).starts_with("tcpdump: "));
    }
}
