use super::*;

fn servers(of: &[(u32, u32, u32)]) -> Vec<Candidate> {
    let numbered = (1..).zip(of);
    let candidate = |(n, (weight, active, inactive)): (u8, &(u32, u32, u32))| Candidate {
        address: SocketAddr::from(([10, 0, 0, n], 80)),
        weight: *weight,
        last_weight: (*weight).max(1),
        active: *active,
        inactive: *inactive,
    };
    numbered.map(candidate).collect()
}

fn client(n: u8) -> Client {
    Client { ip: [10, 1, 0, n].into(), port: 0, virtual_ip: [10, 96, 0, 1].into(), bits: u64::from(n) * 77, now: 0 }
}

/// The servers of so many clients, numbered from 1.
fn chosen(scheduler: Scheduler, servers: &[Candidate], count: u8) -> Vec<usize> {
    let mut turn = Turn::default();
    let choose = |n| schedule(scheduler, servers, client(n), &mut turn).map_or(0, |at| at + 1);
    (1..=count).map(choose).collect()
}

#[test]
fn rr_goes_round_and_passes_over_what_is_quiet() {
    let all = servers(&[(1, 0, 0), (1, 0, 0), (0, 9, 9), (1, 0, 0)]);
    assert_eq!(chosen(Scheduler::RoundRobin, &all, 7), [1, 2, 4, 1, 2, 4, 1]);
    assert_eq!(chosen(Scheduler::RoundRobin, &servers(&[(0, 0, 0)]), 2), [0, 0]);
    assert_eq!(chosen(Scheduler::RoundRobin, &[], 1), [0]);
}

#[test]
fn rr_goes_on_where_it_was_when_servers_come_and_go() {
    let mut turn = Turn::default();
    let all = servers(&[(1, 0, 0), (1, 0, 0), (1, 0, 0), (1, 0, 0)]);
    let mut ask = |servers: &[Candidate]| {
        schedule(Scheduler::RoundRobin, servers, client(1), &mut turn).map(|at| servers[at].address)
    };
    assert_eq!((ask(&all), ask(&all)), (Some(all[0].address), Some(all[1].address)));
    // The second is gone: the turn goes back to the first, and the third is next.
    let left = [all[0], all[2], all[3]];
    assert_eq!(ask(&left), Some(all[2].address));
    assert_eq!(ask(&all), Some(all[3].address));
}

/// 4, 3 and 2 give the order of ip_vs_wrr.c: AABABCABC.
#[test]
fn wrr_serves_the_heavy_more_often() {
    let all = servers(&[(4, 0, 0), (3, 0, 0), (2, 0, 0)]);
    assert_eq!(chosen(Scheduler::WeightedRoundRobin, &all, 9), [1, 1, 2, 1, 2, 3, 1, 2, 3]);
    let even = servers(&[(2, 0, 0), (2, 0, 0), (4, 0, 0)]);
    assert_eq!(chosen(Scheduler::WeightedRoundRobin, &even, 8), [3, 1, 2, 3, 3, 1, 2, 3]);
    assert_eq!(chosen(Scheduler::WeightedRoundRobin, &servers(&[(0, 0, 0)]), 1), [0]);
}

#[test]
fn a_scheduler_begins_anew_where_another_was_before() {
    let mut turn = Turn::default();
    let all = servers(&[(1, 0, 0), (0, 0, 0), (2, 0, 0)]);
    let mut ask = |scheduler| schedule(scheduler, &all, client(1), &mut turn).map_or(0, |at| at + 1);
    assert_eq!(ask(Scheduler::RoundRobin), 1);
    let after = [(); 4].map(|()| ask(Scheduler::WeightedRoundRobin));
    assert_eq!(after.to_vec(), chosen(Scheduler::WeightedRoundRobin, &all, 4));
}

#[test]
fn connections_count_256_fold_while_they_are_active() {
    let all = servers(&[(1, 1, 0), (1, 0, 255), (1, 2, 0)]);
    assert_eq!(chosen(Scheduler::LeastConnection, &all, 1), [2]);
    assert_eq!(chosen(Scheduler::LeastConnection, &servers(&[(1, 0, 256), (1, 1, 0)]), 1), [1], "of equals the first");
    assert_eq!(chosen(Scheduler::LeastConnection, &servers(&[(0, 0, 0), (1, 5, 0)]), 1), [2]);
    // 5/10 is less than 1/1.
    let weighted = servers(&[(1, 1, 0), (10, 5, 0)]);
    assert_eq!(chosen(Scheduler::WeightedLeastConnection, &weighted, 1), [2]);
    assert_eq!(chosen(Scheduler::LeastConnection, &weighted, 1), [1]);
}

#[test]
fn sed_and_nq_count_the_one_to_come() {
    // (0 + 1) / 1 against (1 + 1) / 3.
    let all = servers(&[(1, 0, 0), (3, 1, 0)]);
    assert_eq!(chosen(Scheduler::ShortestExpectedDelay, &all, 1), [2]);
    assert_eq!(chosen(Scheduler::NeverQueue, &all, 1), [1], "an idle one is taken at once");
    assert_eq!(chosen(Scheduler::NeverQueue, &servers(&[(1, 1, 0), (3, 2, 0)]), 1), [2]);
}

#[test]
fn hashes_keep_a_client_or_an_address_at_one_server() {
    let all = servers(&[(1, 0, 0), (1, 0, 0), (1, 0, 0)]);
    let by_client = |scheduler: Scheduler, port: u16| {
        let one = |n: u8| schedule(scheduler, &all, Client { port, ..client(n) }, &mut Turn::default());
        (1..=60).map(one).collect::<Vec<_>>()
    };
    for scheduler in [Scheduler::SourceHashing, Scheduler::MaglevHashing] {
        let first = by_client(scheduler, 0);
        assert_eq!(first, by_client(scheduler, 0));
        assert!((0..3).all(|at| first.contains(&Some(at))), "{scheduler:?}: {first:?}");
    }
    assert_ne!(by_client(Scheduler::MaglevHashing, 1), by_client(Scheduler::MaglevHashing, 40_000));
    let to_address = by_client(Scheduler::DestinationHashing, 0);
    assert!(to_address.iter().all(|at| *at == to_address[0]));
}

/// The bucket of 10.1.0.1 in ip_vs_sh: hash_32(0x0a010001, 8).
#[test]
fn sh_takes_the_kernel_s_bucket() {
    let bucket = 0x0a01_0001_u32.wrapping_mul(0x61c8_8647) >> 24;
    let all = servers(&[(1, 0, 0); 7]);
    assert_eq!(chosen(Scheduler::SourceHashing, &all, 1), [bucket as usize % 7 + 1]);
    // A server that is quiet keeps its buckets, and refuses.
    let mut quiet = all;
    quiet[bucket as usize % 7].weight = 0;
    assert_eq!(chosen(Scheduler::SourceHashing, &quiet, 1), [0]);
}

#[test]
fn maglev_s_table_is_shared_by_weight() {
    let all = servers(&[(1, 0, 0), (3, 0, 0)]);
    let table = maglev(&all);
    let of = |at: usize| table.iter().filter(|server| **server == Some(at)).count();
    assert_eq!((of(0) + of(1), of(0)), (4_093, 1_024));
    // Most keep their server when one goes.
    let before = maglev(&servers(&[(1, 0, 0), (1, 0, 0), (1, 0, 0)]));
    let after = maglev(&servers(&[(1, 0, 0), (1, 0, 0)]));
    let moved = before.iter().zip(&after).filter(|(before, after)| **before != Some(2) && before != after).count();
    assert!(moved < 4_093 / 10, "{moved}");
}

#[test]
fn fo_and_ovf_fill_the_heaviest_first() {
    let all = servers(&[(1, 0, 0), (5, 6, 0), (3, 0, 0)]);
    assert_eq!(chosen(Scheduler::WeightedFailover, &all, 1), [2]);
    assert_eq!(chosen(Scheduler::WeightedOverflow, &all, 1), [3], "the heaviest is full");
}

#[test]
fn lblc_stays_until_it_is_too_much() {
    let mut turn = Turn::default();
    let idle = servers(&[(4, 0, 0), (4, 0, 0)]);
    let mut ask =
        |servers: &[Candidate]| schedule(Scheduler::LocalityBasedLeastConnection, servers, client(1), &mut turn);
    assert_eq!(ask(&idle), Some(0));
    assert_eq!(ask(&servers(&[(4, 4, 0), (4, 0, 0)])), Some(0), "not more than its weight");
    assert_eq!(ask(&servers(&[(4, 5, 0), (4, 2, 0)])), Some(0), "no other has less than half of its own");
    assert_eq!(ask(&servers(&[(4, 5, 0), (4, 1, 0)])), Some(1));
    let mut turn = Turn::default();
    let mut ask = |servers: &[Candidate]| {
        schedule(Scheduler::LocalityBasedLeastConnectionReplication, servers, client(1), &mut turn)
    };
    assert_eq!(ask(&idle), Some(0));
    assert_eq!(ask(&servers(&[(4, 5, 0), (4, 1, 0)])), Some(1), "a second one helps");
    assert_eq!(ask(&servers(&[(4, 1, 0), (4, 2, 0)])), Some(0), "both serve");
}
