//! Chains of rules by name. Those that many nodes have alike, as kube-proxy writes them, are kept once for all.

use std::sync::Arc;

/// What chains of every kind have.
pub trait Named {
    fn name(&self) -> &Arc<str>;
}

/// Chains in the order in which they were made: those of one namespace, then those that others have as well.
#[derive(Debug)]
pub struct Chains<C> {
    own: Vec<Arc<C>>,
    index: Index,
    shared: Arc<SharedChains<C>>,
}

/// Chains that belong together, as those of one Service port, with the hashes of their names.
#[derive(Debug)]
pub struct ChainBlock<C> {
    chains: Vec<Arc<C>>,
    hashes: Vec<u64>,
}

impl<C: Named> ChainBlock<C> {
    pub fn new(chains: Vec<Arc<C>>) -> ChainBlock<C> {
        let hashes = chains.iter().map(|chain| hash(chain.name())).collect();
        ChainBlock { chains, hashes }
    }
}

/// Chains in blocks with an index by name. None is there twice.
#[derive(Debug)]
pub struct SharedChains<C> {
    blocks: Vec<Arc<ChainBlock<C>>>,
    /// Where each block begins, counted in chains.
    starts: Vec<u32>,
    index: Index,
}

/// Hashes of names, ascending, each with its chain's place.
#[derive(Clone, Debug, Default)]
struct Index(Vec<(u64, u32)>);

impl Index {
    /// Whether each name is there once.
    fn has_no_twins<'n>(&self, name: impl Fn(u32) -> &'n Arc<str>) -> bool {
        let alike = self.0.chunk_by(|a, b| a.0 == b.0);
        let mut names = alike.map(|alike| alike.iter().map(|(_, at)| name(*at)).collect::<Vec<_>>());
        names.all(|names| (1..names.len()).all(|at| !names[..at].contains(&names[at])))
    }

    /// The place of the one of those with this hash that is meant.
    fn find(&self, hash: u64, is_meant: impl Fn(u32) -> bool) -> Option<u32> {
        let first = self.0.partition_point(|(own, _)| *own < hash);
        let alike = self.0[first..].iter().take_while(|(own, _)| *own == hash);
        alike.map(|(_, at)| *at).find(|at| is_meant(*at))
    }
}

/// Mixes eight bytes at a time: names of chains are told apart by it, and compared only where it is the same.
pub(super) fn hash(name: &str) -> u64 {
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    };
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let hash = words.iter().fold(name.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    mix(hash, rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

impl<C: Named> SharedChains<C> {
    pub fn new(blocks: Vec<Arc<ChainBlock<C>>>) -> SharedChains<C> {
        let (mut starts, mut index) = (Vec::with_capacity(blocks.len()), Vec::new());
        for block in &blocks {
            starts.push(index.len() as u32);
            for hash in &block.hashes {
                index.push((*hash, index.len() as u32));
            }
        }
        index.sort_unstable();
        SharedChains { blocks, starts, index: Index(index) }
    }

    fn len(&self) -> usize {
        self.index.0.len()
    }

    fn get(&self, at: u32) -> Option<&Arc<C>> {
        let block = self.starts.partition_point(|start| *start <= at).checked_sub(1)?;
        self.blocks[block].chains.get((at - self.starts[block]) as usize)
    }

    fn find(&self, name: &str, hash: u64) -> Option<u32> {
        self.index.find(hash, |at| self.get(at).is_some_and(|chain| **chain.name() == *name))
    }

    fn iter(&self) -> impl Iterator<Item = &Arc<C>> + Clone {
        self.blocks.iter().flat_map(|block| &block.chains)
    }
}

impl<C: Named + Clone> Chains<C> {
    /// Has these chains, too, which must have names of their own.
    pub fn share(&mut self, shared: Arc<SharedChains<C>>) {
        debug_assert!(shared.iter().all(|chain| self.find_own(chain.name(), hash(chain.name())).is_none()));
        self.shared = shared;
    }

    fn len(&self) -> usize {
        self.own.len() + self.shared.len()
    }

    /// Those that are nobody else's; they come first.
    pub fn own(&self) -> &[Arc<C>] {
        &self.own
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<C>> + Clone {
        self.own.iter().chain(self.shared.iter())
    }

    /// A chain by its place.
    pub fn get(&self, at: u32) -> Option<&Arc<C>> {
        match (at as usize).checked_sub(self.own.len()) {
            None => self.own.get(at as usize),
            Some(beyond) => self.shared.get(beyond as u32),
        }
    }

    /// A chain's place.
    pub fn find(&self, name: &str) -> Option<u32> {
        let hash = hash(name);
        let shared = || self.shared.find(name, hash).map(|at| at + self.own.len() as u32);
        self.find_own(name, hash).or_else(shared)
    }

    fn find_own(&self, name: &str, hash: u64) -> Option<u32> {
        self.index.find(hash, |at| *self.own[at as usize].name().as_ref() == *name)
    }

    /// Adds a chain, or replaces the one of that name.
    pub fn put(&mut self, chain: Arc<C>) {
        match self.own_place(chain.name()) {
            Some(at) => self.own[at] = chain,
            None => {
                let entry = (hash(chain.name()), self.own.len() as u32);
                self.index.0.insert(self.index.0.partition_point(|other| *other < entry), entry);
                self.own.push(chain);
            }
        }
    }

    /// Adds the chains of many blocks, all of names that are new here.
    pub fn put_blocks<'b>(&mut self, blocks: impl IntoIterator<Item = &'b ChainBlock<C>>)
    where
        C: 'b,
    {
        for block in blocks {
            let at = self.own.len() as u32;
            self.index.0.extend(block.hashes.iter().copied().zip(at..));
            self.own.extend(block.chains.iter().cloned());
        }
        self.index.0.sort_unstable();
        debug_assert!(self.index.has_no_twins(|at| self.own[at as usize].name()));
    }

    /// A chain to be changed, if there is one of that name.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut C> {
        let at = self.own_place(name)?;
        Some(Arc::make_mut(&mut self.own[at]))
    }

    /// A chain's place among the namespace's own; a shared one makes all of them its own.
    fn own_place(&mut self, name: &str) -> Option<usize> {
        let hash = hash(name);
        if self.shared.find(name, hash).is_some() {
            let shared = std::mem::take(&mut self.shared);
            self.put_blocks(shared.blocks.iter().map(|block| &**block));
        }
        self.find_own(name, hash).map(|at| at as usize)
    }
}

impl<C> Default for SharedChains<C> {
    fn default() -> SharedChains<C> {
        SharedChains { blocks: Vec::new(), starts: Vec::new(), index: Index::default() }
    }
}

impl<C> Default for Chains<C> {
    fn default() -> Chains<C> {
        Chains { own: Vec::new(), index: Index::default(), shared: Arc::default() }
    }
}

impl<C> Clone for Chains<C> {
    fn clone(&self) -> Chains<C> {
        Chains { own: self.own.clone(), index: self.index.clone(), shared: self.shared.clone() }
    }
}

/// The same chains in the same order, whoever else has them.
impl<C: Named + Clone + PartialEq> PartialEq for Chains<C> {
    fn eq(&self, other: &Chains<C>) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Plain(Arc<str>, u32);

    impl Named for Plain {
        fn name(&self) -> &Arc<str> {
            &self.0
        }
    }

    fn plain(name: &str, value: u32) -> Arc<Plain> {
        Arc::new(Plain(name.into(), value))
    }

    #[test]
    fn own_and_shared_chains_are_found_by_name_and_place() {
        let blocks = [vec![plain("a", 1), plain("b", 2)], vec![], vec![plain("c", 3)]];
        let shared = Arc::new(SharedChains::new(blocks.map(|chains| Arc::new(ChainBlock::new(chains))).into()));
        let mut chains = Chains::default();
        chains.put(plain("own", 0));
        chains.share(shared.clone());
        let names: Vec<&str> = chains.iter().map(|chain| &*chain.0).collect();
        assert_eq!((names.as_slice(), chains.len()), (&["own", "a", "b", "c"][..], 4));
        for name in names {
            let at = chains.find(name).unwrap();
            assert_eq!(&*chains.get(at).unwrap().0, name);
        }
        assert_eq!((chains.find("d"), chains.get(4)), (None, None));
    }

    #[test]
    fn a_shared_chain_that_is_changed_is_changed_here_only() {
        let block = Arc::new(ChainBlock::new(vec![plain("a", 1), plain("b", 2)]));
        let shared = Arc::new(SharedChains::new(vec![block]));
        let mut here = Chains::default();
        here.share(shared.clone());
        let there = here.clone();
        here.get_mut("b").unwrap().1 = 7;
        here.put(plain("a", 8));
        here.put_blocks([&ChainBlock::new(vec![plain("c", 9)])]);
        assert_eq!(["a", "b", "c"].map(|name| here.find(name)), [Some(0), Some(1), Some(2)]);
        let values = |chains: &Chains<Plain>| chains.iter().map(|chain| chain.1).collect::<Vec<_>>();
        assert_eq!((values(&here), values(&there)), (vec![8, 7, 9], vec![1, 2]));
        assert_ne!(here, there);
    }
}
