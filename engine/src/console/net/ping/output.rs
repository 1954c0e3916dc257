//! What ping prints.

use super::super::resolve::Hosts;
use super::super::{icmp_words, icmpv6_words};
use super::Style;
use super::options::Settings;
use crate::dataplane::Io;
use crate::net::IcmpError;
use crate::trace::Nanos;
use std::fmt::Write;
use std::net::IpAddr;

/// The counters, and the lines made of them.
pub(super) struct Report {
    style: Style,
    host: String,
    to: IpAddr,
    /// ` from 10.244.1.2`
    from: String,
    hosts: Hosts,
    size: u16,
    quiet: bool,
    numeric: bool,
    flood: bool,
    timestamps: bool,
    paced: bool,
    pub sent_count: u32,
    pub received_count: u32,
    pub errors_count: u32,
    repeats_count: u32,
    /// Most requests under way at once.
    pipe: usize,
    min_us: u64,
    max_us: u64,
    sum_us: u64,
    squares_us: u64,
    /// Eight times the smoothed round-trip time.
    ewma_us: u64,
}

impl Report {
    pub fn new(style: Style, settings: &Settings, to: IpAddr, from: String, hosts: Hosts) -> Report {
        let literal = settings.host.parse::<IpAddr>().is_ok();
        Report {
            style,
            host: settings.host.clone(),
            to,
            from,
            hosts,
            size: settings.size,
            quiet: settings.quiet,
            numeric: settings.numeric || literal || style == Style::Busybox,
            flood: settings.flood,
            timestamps: settings.timestamps,
            paced: !settings.flood && !settings.adaptive && settings.interval > 0,
            sent_count: 0,
            received_count: 0,
            errors_count: 0,
            repeats_count: 0,
            pipe: 0,
            min_us: u64::MAX,
            max_us: 0,
            sum_us: 0,
            squares_us: 0,
            ewma_us: 0,
        }
    }

    pub fn longest_us(&self) -> u64 {
        self.max_us
    }

    pub fn header(&self, io: &mut Io<'_, '_>) {
        let Report { host, to, from, size, .. } = self;
        io.print(match self.style {
            Style::Busybox => format!("PING {host} ({to}){from}: {size} data bytes\n"),
            Style::Iputils if to.is_ipv6() => format!("PING {host} ({to}){from} {size} data bytes\n"),
            Style::Iputils => {
                let total = u32::from(*size) + 28;
                let colon = if from.is_empty() { "" } else { ":" };
                format!("PING {host} ({to}){from}{colon} {size}({total}) bytes of data.\n")
            }
        });
    }

    /// An answer came to a request after which `count - 1` more had been sent.
    pub fn behind(&mut self, count: usize) {
        self.pipe = self.pipe.max(count);
    }

    /// An address as messages name it.
    fn name(&self, ip: IpAddr) -> String {
        match self.hosts.name(ip).filter(|_| !self.numeric) {
            Some(name) => format!("{name} ({ip})"),
            None => ip.to_string(),
        }
    }

    /// True if packets of this size carry the time of sending.
    fn is_timed(&self) -> bool {
        self.size >= if self.style == Style::Busybox { 4 } else { 16 }
    }

    pub fn reply(
        &mut self,
        io: &mut Io<'_, '_>,
        (from, seq, ttl, len): (IpAddr, u16, u8, u32),
        rtt_us: u64,
        duplicate: bool,
    ) {
        *if duplicate { &mut self.repeats_count } else { &mut self.received_count } += 1;
        if self.is_timed() {
            self.min_us = self.min_us.min(rtt_us);
            self.max_us = self.max_us.max(rtt_us);
            self.sum_us += rtt_us;
            self.squares_us += rtt_us * rtt_us;
            self.ewma_us = if self.ewma_us == 0 { rtt_us * 8 } else { self.ewma_us + rtt_us - self.ewma_us / 8 };
        }
        if self.quiet || self.flood {
            return;
        }
        let bytes = len + 8;
        let mut line = self.stamp(io.now());
        let word = if self.style == Style::Busybox { "seq" } else { "icmp_seq" };
        let _ = write!(line, "{bytes} bytes from {}: {word}={seq} ttl={ttl}", self.name(from));
        if self.is_timed() {
            line.push_str(&time(self.style, rtt_us));
        }
        line.push_str(if duplicate { " (DUP!)\n" } else { "\n" });
        io.print(line);
    }

    /// `-D`
    fn stamp(&self, now: Nanos) -> String {
        if !self.timestamps {
            return String::new();
        }
        let seconds = super::super::clock::EPOCH + now / 1_000_000_000;
        format!("[{seconds}.{:06}] ", now / 1_000 % 1_000_000)
    }

    pub fn error(&mut self, io: &mut Io<'_, '_>, error: IcmpError, from: IpAddr, seq: u16) {
        self.errors_count += 1;
        if !self.quiet && !self.flood {
            let stamp = self.stamp(io.now());
            let words = if from.is_ipv4() { icmp_words(error) } else { icmpv6_words(error) };
            io.print(format!("{stamp}From {} icmp_seq={seq} {words}\n", self.name(from)));
        }
    }

    pub fn local_error(&mut self, io: &mut Io<'_, '_>, mtu: u32) {
        if !self.quiet {
            self.errors_count += 1;
            let equals = if self.to.is_ipv4() { "=" } else { ": " };
            io.print_err(format!("ping: local error: message too long, mtu{equals}{mtu}\n"));
        }
    }

    /// `elapsed` from the first request to the last.
    pub fn statistics(&self, io: &mut Io<'_, '_>, elapsed: Nanos, unanswered_count: usize) {
        let mut text = String::new();
        if self.flood && !self.quiet {
            // A dot for each request, of which each reply takes one away.
            text.extend(std::iter::repeat_n('.', unanswered_count));
        }
        let _ = write!(text, "\n--- {} ping statistics ---\n{} packets transmitted, ", self.host, self.sent_count);
        match self.style {
            Style::Busybox => self.busybox_statistics(&mut text),
            Style::Iputils => self.iputils_statistics(&mut text, elapsed),
        }
        io.print(text);
    }

    fn busybox_statistics(&self, text: &mut String) {
        let _ = write!(text, "{} packets received, ", self.received_count);
        if self.repeats_count > 0 {
            let _ = write!(text, "{} duplicates, ", self.repeats_count);
        }
        let lost = (self.sent_count - self.received_count.min(self.sent_count)) * 100 / self.sent_count.max(1);
        let _ = writeln!(text, "{lost}% packet loss");
        if self.min_us != u64::MAX {
            let average = self.sum_us / u64::from(self.received_count + self.repeats_count).max(1);
            let [min, average, max] = [self.min_us, average, self.max_us].map(millis);
            let _ = writeln!(text, "round-trip min/avg/max = {min}/{average}/{max} ms");
        }
    }

    fn iputils_statistics(&self, text: &mut String, elapsed: Nanos) {
        let _ = write!(text, "{} received", self.received_count);
        for (count, what) in [(self.repeats_count, "duplicates"), (self.errors_count, "errors")] {
            if count > 0 {
                let _ = write!(text, ", +{count} {what}");
            }
        }
        let lost = self.sent_count - self.received_count.min(self.sent_count);
        let _ = writeln!(text, ", {}% packet loss, time {}ms", percent(lost, self.sent_count), elapsed / 1_000_000);
        let mut comma = "";
        if self.received_count > 0 && self.is_timed() {
            let total = u64::from(self.received_count + self.repeats_count);
            let average = self.sum_us / total;
            let deviation = ((self.squares_us - self.sum_us * self.sum_us / total) / total).isqrt();
            let [min, average, max, deviation] = [self.min_us, average, self.max_us, deviation].map(millis);
            let _ = write!(text, "rtt min/avg/max/mdev = {min}/{average}/{max}/{deviation} ms");
            comma = ", ";
        }
        if self.pipe > 1 {
            let _ = write!(text, "{comma}pipe {}", self.pipe);
            comma = ", ";
        }
        if self.received_count > 0 && !self.paced && self.sent_count > 1 {
            let gap = elapsed / 1_000 / u64::from(self.sent_count - 1);
            let _ = write!(text, "{comma}ipg/ewma {}/{} ms", millis(gap), millis(self.ewma_us / 8));
        }
        text.push('\n');
    }
}

/// Microseconds as milliseconds with three decimals.
fn millis(us: u64) -> String {
    format!("{}.{:03}", us / 1_000, us % 1_000)
}

/// ` time=0.093 ms`: iputils prints four digits at most.
fn time(style: Style, us: u64) -> String {
    match (style, us) {
        (Style::Busybox, _) | (_, ..1_000) => format!(" time={} ms", millis(us)),
        (_, ..9_995) => format!(" time={}.{:02} ms", (us + 5) / 1_000, (us + 5) % 1_000 / 10),
        (_, ..99_950) => format!(" time={}.{} ms", (us + 50) / 1_000, (us + 50) % 1_000 / 100),
        _ => format!(" time={} ms", (us + 500) / 1_000),
    }
}

/// `%g` of a percentage: six significant digits, no zeros at the end.
fn percent(part: u32, whole: u32) -> String {
    let (part, whole) = (u64::from(part), u64::from(whole.max(1)));
    // 100 has three digits before the point, 33.3333 two, 1.66667 one, 0.0999001 none (and its zeros do not count).
    let mut decimals = 3_u32;
    let scaled = |decimals: u32| (part * 100 * 10_u64.pow(decimals) * 2 + whole) / (2 * whole);
    while part > 0 && scaled(decimals) < 100_000 && decimals < 9 {
        decimals += 1;
    }
    let (value, unit) = (scaled(decimals), 10_u64.pow(decimals));
    let text = format!("{}.{:0width$}", value / unit, value % unit, width = decimals as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_as_printf_g() {
        let shown = [(0, 3), (1, 3), (2, 3), (3, 3), (1, 60), (1, 7), (1, 2), (1, 1_000)].map(|(p, w)| percent(p, w));
        assert_eq!(shown, ["0", "33.3333", "66.6667", "100", "1.66667", "14.2857", "50", "0.1"]);
    }

    #[test]
    fn times_have_four_digits_at_most() {
        let shown = [63, 3_812, 12_345, 123_456].map(|us| time(Style::Iputils, us));
        assert_eq!(shown, [" time=0.063 ms", " time=3.81 ms", " time=12.3 ms", " time=123 ms"]);
        assert_eq!(time(Style::Busybox, 12_345), " time=12.345 ms");
    }
}
