//! Which real server gets a new connection: the kernel's schedulers. Models ip_vs_{rr,wrr,lc,wlc,lblc,lblcr,dh,sh,sed,nq,
//! fo,ovf,mh,twos}.c of Linux 6.18; no server has thresholds, so none is ever overloaded.

use super::hash::{fold, hash_32, hsiphash};
use crate::dataplane::random;
use crate::tables::ipvs::Scheduler;
use crate::trace::Nanos;
use std::net::{IpAddr, SocketAddr};

/// A real server as a scheduler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub address: SocketAddr,
    pub weight: u32,
    /// The weight before it was set to 0, or the present one.
    pub last_weight: u32,
    pub active: u32,
    pub inactive: u32,
}

/// The ends of a new connection.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    pub ip: IpAddr,
    /// 0 if it does not count.
    pub port: u16,
    pub virtual_ip: IpAddr,
    /// What is random in the kernel; the same for the same flow.
    pub bits: u64,
    pub now: Nanos,
}

/// What a scheduler remembers of its virtual server.
#[derive(Clone, Debug, Default)]
pub struct Turn {
    /// Whose memory it is.
    scheduler: Option<Scheduler>,
    /// The servers with their weights, as they were last time.
    order: Vec<(SocketAddr, u32)>,
    /// Whose turn it was last; none: it begins with the first.
    last: Option<SocketAddr>,
    /// wrr: the weight that it takes to be chosen.
    weight: i64,
    /// lblc and lblcr: who serves this address, and since when it is these.
    set: Vec<SocketAddr>,
    set_since: Nanos,
}

/// `lblcr_expiration`, and lblc's.
const SET_EXPIRES: Nanos = 24 * 3_600 * 1_000_000_000;
/// Buckets of sh and dh (`IP_VS_SH_TAB_BITS`, `IP_VS_DH_TAB_BITS`).
const BUCKETS_BITS: u32 = 8;
/// Buckets of mh by default (`IP_VS_MH_TAB_INDEX` 12).
const MAGLEV_BUCKETS: u32 = 4_093;
const MAGLEV_BITS: u32 = 6;
const MAGLEV_KEYS: (u64, u64) = (2_654_435_761, 2_654_446_892);

/// The overhead by which lc, wlc and their kin compare.
pub fn overhead(of: &Candidate) -> u64 {
    (u64::from(of.active) << 8) + u64::from(of.inactive)
}

fn delay(of: &Candidate) -> u64 {
    u64::from(of.active) + 1
}

/// Chooses. `None`: no server will do.
pub fn schedule(scheduler: Scheduler, servers: &[Candidate], client: Client, turn: &mut Turn) -> Option<usize> {
    if turn.scheduler != Some(scheduler) {
        *turn = Turn { scheduler: Some(scheduler), ..Turn::default() };
    }
    let changed = turn.take_over(servers);
    match scheduler {
        Scheduler::RoundRobin => round_robin(servers, turn),
        Scheduler::WeightedRoundRobin => weighted_round_robin(servers, turn, changed),
        Scheduler::LeastConnection => first_least(servers, |_| 1, overhead),
        Scheduler::WeightedLeastConnection => first_least(servers, |server| server.weight, overhead),
        Scheduler::ShortestExpectedDelay => first_least(servers, |server| server.weight, delay),
        Scheduler::NeverQueue => {
            let idle = servers.iter().position(|server| server.weight > 0 && server.active == 0);
            idle.or_else(|| first_least(servers, |server| server.weight, delay))
        }
        Scheduler::LocalityBasedLeastConnection => locality(servers, client.now, turn),
        Scheduler::LocalityBasedLeastConnectionReplication => replication(servers, client.now, turn),
        Scheduler::DestinationHashing => {
            let bucket = hash_32(fold(client.virtual_ip), BUCKETS_BITS) as usize;
            usable(servers, (!servers.is_empty()).then(|| bucket % servers.len()))
        }
        Scheduler::SourceHashing => {
            let bucket = hash_32(fold(client.ip), BUCKETS_BITS);
            usable(servers, by_weight(servers, bucket))
        }
        Scheduler::WeightedFailover => heaviest(servers, |_| true),
        Scheduler::WeightedOverflow => heaviest(servers, |server| server.active <= server.weight),
        Scheduler::MaglevHashing => {
            let hash = maglev_hash((client.ip, client.port), MAGLEV_KEYS.0) % MAGLEV_BUCKETS;
            usable(servers, maglev(servers).get(hash as usize).copied().flatten())
        }
        Scheduler::PowersOfTwo => powers_of_two(servers, client.bits),
    }
}

impl Turn {
    /// Servers that have gone hand their turn back to the one before them in the list. True if there is any change.
    fn take_over(&mut self, servers: &[Candidate]) -> bool {
        let order: Vec<(SocketAddr, u32)> = servers.iter().map(|server| (server.address, server.weight)).collect();
        if self.order == order {
            return false;
        }
        let is_there = |address: &SocketAddr| order.iter().any(|(own, _)| own == address);
        if let Some(last) = self.last.filter(|last| !is_there(last)) {
            let at = self.order.iter().position(|(own, _)| *own == last).unwrap_or(0);
            self.last = self.order[..at].iter().rev().map(|(own, _)| *own).find(is_there);
        }
        self.set.retain(is_there);
        self.order = order;
        true
    }

    fn place(&self, servers: &[Candidate]) -> Option<usize> {
        servers.iter().position(|server| Some(server.address) == self.last)
    }
}

fn usable(servers: &[Candidate], at: Option<usize>) -> Option<usize> {
    at.filter(|at| servers.get(*at).is_some_and(|server| server.weight > 0))
}

fn round_robin(servers: &[Candidate], turn: &mut Turn) -> Option<usize> {
    let first = turn.place(servers).map_or(0, |at| at + 1);
    let mut round = (0..servers.len()).map(|step| (first + step) % servers.len());
    let chosen = round.find(|at| servers[*at].weight > 0)?;
    turn.last = Some(servers[chosen].address);
    Some(chosen)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn weighted_round_robin(servers: &[Candidate], turn: &mut Turn, changed: bool) -> Option<usize> {
    let weights = || servers.iter().map(|server| i64::from(server.weight)).filter(|weight| *weight > 0);
    let step = weights().fold(0, gcd).max(1);
    let most = weights().max()? - (step - 1);
    if changed {
        turn.last = None;
        if turn.weight > most || turn.weight == 0 {
            turn.weight = most;
        } else if step > 1 {
            turn.weight = turn.weight / step * step + 1;
        }
    }
    // Every server is met at least once with the weight at its lowest.
    let mut next = turn.place(servers).map_or(0, |at| at + 1);
    for _ in 0..=(most / step + 1) {
        if let Some(at) = (next..servers.len()).find(|at| i64::from(servers[*at].weight) >= turn.weight) {
            turn.last = Some(servers[at].address);
            return Some(at);
        }
        next = 0;
        turn.weight -= step;
        if turn.weight <= 0 {
            turn.weight = most;
        }
    }
    None
}

/// The first with the least load for its weight.
fn first_least(
    servers: &[Candidate],
    weight: impl Fn(&Candidate) -> u32,
    load: impl Fn(&Candidate) -> u64,
) -> Option<usize> {
    let mut least: Option<usize> = None;
    for (at, server) in servers.iter().enumerate().filter(|(_, server)| server.weight > 0) {
        let lighter = least.is_none_or(|known| {
            let known = &servers[known];
            load(known) * u64::from(weight(server)) > load(server) * u64::from(weight(known))
        });
        if lighter {
            least = Some(at);
        }
    }
    least
}

fn heaviest(servers: &[Candidate], has_room: impl Fn(&Candidate) -> bool) -> Option<usize> {
    let mut found: Option<usize> = None;
    for (at, server) in servers.iter().enumerate().filter(|(_, server)| server.weight > 0 && has_room(server)) {
        if found.is_none_or(|known| server.weight > servers[known].weight) {
            found = Some(at);
        }
    }
    found
}

/// More active connections than its weight, while another has less than half.
fn is_burdened(server: &Candidate, servers: &[Candidate]) -> bool {
    server.active > server.weight && servers.iter().any(|other| other.active * 2 < other.weight)
}

fn locality(servers: &[Candidate], now: Nanos, turn: &mut Turn) -> Option<usize> {
    let known = turn.set.first().filter(|_| now < turn.set_since + SET_EXPIRES);
    let known = known.and_then(|known| servers.iter().position(|server| server.address == *known));
    let kept = usable(servers, known).filter(|at| !is_burdened(&servers[*at], servers));
    let chosen = kept.or_else(|| first_least(servers, |server| server.weight, overhead))?;
    // An address that is asked for stays.
    (turn.set, turn.set_since) = (vec![servers[chosen].address], now);
    Some(chosen)
}

fn replication(servers: &[Candidate], now: Nanos, turn: &mut Turn) -> Option<usize> {
    let members: Vec<usize> =
        (0..servers.len()).filter(|at| turn.set.contains(&servers[*at].address) && servers[*at].weight > 0).collect();
    let of_set: Vec<Candidate> = members.iter().map(|at| servers[*at]).collect();
    let least = first_least(&of_set, |server| server.weight, overhead).map(|at| members[at]);
    if turn.set.len() > 1 && now > turn.set_since + SET_EXPIRES {
        let most = of_set.iter().max_by_key(|server| overhead(server) / u64::from(server.weight.max(1)));
        if let Some(most) = most.map(|server| server.address) {
            turn.set.retain(|address| *address != most);
            turn.set_since = now;
        }
    }
    if let Some(least) = least.filter(|at| !is_burdened(&servers[*at], servers)) {
        return Some(least);
    }
    let chosen = first_least(servers, |server| server.weight, overhead)?;
    if !turn.set.contains(&servers[chosen].address) {
        turn.set.push(servers[chosen].address);
        turn.set_since = now;
    }
    Some(chosen)
}

/// sh: each server in turn gets as many of the 256 buckets as its weight says, at least one.
fn by_weight(servers: &[Candidate], bucket: u32) -> Option<usize> {
    let total: u32 = servers.iter().map(|server| server.weight.max(1)).sum();
    let mut left = bucket.checked_rem(total)?;
    servers.iter().position(|server| {
        let share = server.weight.max(1);
        let here = left < share;
        left = left.saturating_sub(share);
        here
    })
}

fn maglev_hash((ip, port): (IpAddr, u16), key: u64) -> u32 {
    hsiphash(fold(ip).wrapping_add(u32::from(port)), key)
}

/// The lookup table of mh: which server has which bucket.
fn maglev(servers: &[Candidate]) -> Vec<Option<usize>> {
    let mut table: Vec<Option<usize>> = vec![None; MAGLEV_BUCKETS as usize];
    let divisor = servers.iter().map(|server| i64::from(server.last_weight)).fold(0, gcd) as u32;
    if divisor == 0 {
        return table;
    }
    let most = servers.iter().map(|server| server.last_weight / divisor).max().unwrap_or(0);
    let shift = (u32::BITS - most.leading_zeros()).saturating_sub(MAGLEV_BITS);
    // Where each begins, how far it goes at a time, and how many buckets it takes in its turn.
    let mut plans: Vec<(u32, u32, u32)> = servers
        .iter()
        .map(|server| {
            let (ip, port) = (server.address.ip(), server.address.port());
            let offset = maglev_hash((ip, port), MAGLEV_KEYS.0) % MAGLEV_BUCKETS;
            let skip = maglev_hash((ip, port), MAGLEV_KEYS.1) % (MAGLEV_BUCKETS - 1) + 1;
            let turns = (server.last_weight / divisor) >> shift;
            (offset, skip, if turns == 0 { u32::from(server.last_weight != 0) } else { turns })
        })
        .collect();
    let mut left = MAGLEV_BUCKETS;
    while left > 0 {
        for (at, (place, skip, turns)) in plans.iter_mut().enumerate() {
            for _ in 0..(*turns).min(left) {
                while table[*place as usize].is_some() {
                    *place = (*place + *skip) % MAGLEV_BUCKETS;
                }
                table[*place as usize] = Some(at);
                left -= 1;
            }
        }
    }
    table
}

/// Of two drawn by their weights, the one with the lesser load.
fn powers_of_two(servers: &[Candidate], bits: u64) -> Option<usize> {
    let total: u64 = servers.iter().map(|server| u64::from(server.weight)).sum();
    let draw = |bits: u64| {
        let mut left = i64::try_from(bits.checked_rem(total)?).ok()?;
        servers.iter().position(|server| {
            left -= i64::from(server.weight);
            server.weight > 0 && left <= 0
        })
    };
    let (one, other) = (draw(bits)?, draw(random::mix(bits))?);
    let (a, b) = (&servers[one], &servers[other]);
    let lighter = u64::from(b.weight) * overhead(a) > u64::from(a.weight) * overhead(b);
    Some(if lighter { other } else { one })
}

#[cfg(test)]
#[path = "scheduler_tests.rs"]
mod tests;
