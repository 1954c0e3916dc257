//! Values by key of which the most are many tables' alike.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A table's own values, and those that others have as well. No key is in both.
#[derive(Clone, Debug)]
pub struct Layered<K, V> {
    own: BTreeMap<K, V>,
    shared: Arc<BTreeMap<K, V>>,
}

impl<K: Ord, V> Layered<K, V> {
    /// Has these values, too.
    pub fn share(&mut self, shared: Arc<BTreeMap<K, V>>) {
        self.shared = shared;
    }

    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.own.get(key).or_else(|| self.shared.get(key))
    }

    /// Adds a value to the table's own, unless there is one of this key.
    pub fn add(&mut self, key: K, value: V) {
        if !self.shared.contains_key(&key) {
            self.own.entry(key).or_insert(value);
        }
    }

    /// All values by key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (mut own, mut shared) = (self.own.iter().peekable(), self.shared.iter().peekable());
        std::iter::from_fn(move || match (own.peek(), shared.peek()) {
            (Some((a, _)), Some((b, _))) if a > b => shared.next(),
            (None, _) => shared.next(),
            _ => own.next(),
        })
    }

    /// Where the shared values are kept.
    pub fn shared(&self) -> &Arc<BTreeMap<K, V>> {
        &self.shared
    }
}

impl<K, V> Default for Layered<K, V> {
    fn default() -> Layered<K, V> {
        Layered { own: BTreeMap::new(), shared: Arc::default() }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Layered<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Layered<K, V> {
        Layered { own: values.into_iter().collect(), shared: Arc::default() }
    }
}

/// The same values, whoever else has them.
impl<K: Ord, V: PartialEq> PartialEq for Layered<K, V> {
    fn eq(&self, other: &Layered<K, V>) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_values_and_shared_ones_are_found_alike() {
        let shared = Arc::new(BTreeMap::from([(1, "one"), (2, "two")]));
        let mut layered = Layered::default();
        layered.share(shared);
        layered.add(3, "three");
        layered.add(2, "another");
        assert_eq!([1, 2, 3, 4].map(|key| layered.get(&key).copied()), [Some("one"), Some("two"), Some("three"), None]);
        layered.add(0, "zero");
        assert_eq!(layered, [(0, "zero"), (1, "one"), (2, "two"), (3, "three")].into_iter().collect());
    }
}
