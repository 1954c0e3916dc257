//! Changes of a namespace's tables: real effect, as a fault that the user injects. They need CAP_NET_ADMIN.
//!
//! Models iproute2's checks and the kernel's: net/ipv4/{devinet,fib_frontend,fib_semantics}.c, net/core/{rtnetlink,neighbour}.c.

mod address;
mod device;
mod neighbor;
mod routes;

use super::{Ip, Problem};
use crate::console::net::may_administer;
use crate::tables::{Netns, Origin, Route, RouteTable, Rows};

/// The kernel's answer: an errno, and what it says beside it (extended acknowledgement).
struct Refusal {
    errno: &'static str,
    words: Option<&'static str>,
}

impl Refusal {
    fn errno(errno: &'static str) -> Refusal {
        Refusal { errno, words: None }
    }

    fn words(errno: &'static str, words: &'static str) -> Refusal {
        Refusal { errno, words: Some(words) }
    }
}

/// What rows that the user made name as their origin.
fn origin() -> Origin {
    Origin::default("ip", "set by hand with the ip command")
}

impl Ip<'_, '_, '_> {
    fn may_change(&self) -> bool {
        may_administer(self.machine)
    }

    /// Replaces this namespace's tables by changed ones.
    fn edit(&mut self, change: impl FnOnce(&mut Netns) -> Result<(), Refusal>) -> Result<i32, Problem> {
        let mut netns = (*self.tables()?).clone();
        if !self.may_change() {
            return Err(self.refused(&Refusal::errno("Operation not permitted")));
        }
        change(&mut netns).map_err(|refusal| self.refused(&refusal))?;
        self.machine.world.replace_tables(netns);
        Ok(0)
    }

    fn refused(&self, refusal: &Refusal) -> Problem {
        let text = match refusal.words {
            _ if self.busybox() => format!("ip: RTNETLINK answers: {}\n", refusal.errno),
            Some(words) => format!("Error: {words}.\n"),
            None => format!("RTNETLINK answers: {}\n", refusal.errno),
        };
        (text, 2)
    }

    fn cannot_flush(&self) -> Problem {
        if self.busybox() {
            ("ip: can't send flush request: Operation not permitted\n".to_owned(), 1)
        } else {
            ("Failed to send flush request: Operation not permitted\n".to_owned(), 1)
        }
    }
}

/// The rows of a table, to be changed.
fn rows(table: &RouteTable) -> Vec<Route> {
    table.rows.iter().map(|(_, row)| row.clone()).collect()
}

fn retain(table: &mut RouteTable, keep: impl Fn(&Route) -> bool) {
    let mut kept = rows(table);
    kept.retain(keep);
    *table = RouteTable::new(Rows::from(kept));
}
