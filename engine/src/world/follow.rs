//! Tables that somebody has changed by hand go on with what the cluster's components write: a Pod's wire comes and goes,
//! a node joins and leaves. What was changed stays as it is.

use crate::tables::{Keyed, Link, Netns, RouteTable, Rows};

/// Brings into `mine` what is in `now` and was not in `before`, and takes out of it what is not in `now` any more.
pub(super) fn follow(mine: &mut Netns, before: &Netns, now: &Netns) {
    let in_none = |link: &&Link, other: &Netns| other.link(link.index).is_none();
    let gone: Vec<_> = before.links.iter().filter(|link| in_none(link, now)).map(|link| link.index).collect();
    let made = now.links.iter().filter(|link| in_none(link, before));
    let free: Vec<Link> =
        made.filter(|link| in_none(link, mine) && mine.link_named(&link.name).is_none()).cloned().collect();
    mine.links.retain(|link| !gone.contains(&link.index));
    mine.links.extend(free);
    mine.links.sort_by_key(|link| link.index);
    merge(&mut mine.addresses, &before.addresses, &now.addresses);
    mine.local = RouteTable::new(rows(&mine.local.rows, &before.local.rows, &now.local.rows));
    mine.main = RouteTable::new(rows(&mine.main.rows, &before.main.rows, &now.main.rows));
    mine.neighbors = rows(&mine.neighbors, &before.neighbors, &now.neighbors);
    mine.fdb = rows(&mine.fdb, &before.fdb, &now.fdb);
    // With a device goes what was said of it by hand.
    mine.addresses.retain(|address| !gone.contains(&address.link));
    if !gone.is_empty() {
        mine.local.rows.make_own().retain(|route| !gone.contains(&route.dev));
        mine.main.rows.make_own().retain(|route| !gone.contains(&route.dev));
    }
}

fn merge<T: PartialEq + Clone>(mine: &mut Vec<T>, before: &[T], now: &[T]) {
    mine.retain(|row| !before.contains(row) || now.contains(row));
    let made: Vec<T> = now.iter().filter(|row| !before.contains(row) && !mine.contains(row)).cloned().collect();
    mine.extend(made);
}

/// Rows that are shared stay so as long as nobody has changed one of them.
fn rows<T: Keyed + PartialEq + Clone>(mine: &Rows<T>, before: &Rows<T>, now: &Rows<T>) -> Rows<T> {
    let shared = |rows: &Rows<T>| rows.shared().map(|(shared, owner)| (std::sync::Arc::as_ptr(shared), owner));
    if shared(mine) == shared(before) {
        let mut own = mine.own().to_vec();
        merge(&mut own, before.own(), now.own());
        return match now.shared() {
            Some((shared, owner)) => Rows::with_shared(own, shared.clone(), owner),
            None => Rows::from(own),
        };
    }
    let all = |rows: &Rows<T>| rows.iter().map(|(_, row)| row.clone()).collect::<Vec<T>>();
    let mut merged = all(mine);
    merge(&mut merged, &all(before), &all(now));
    Rows::from(merged)
}
