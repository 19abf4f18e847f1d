//! [`Arena`]: mapping trees that share nodes, changed by path copying.

/// A node, and how many nodes and devices refer to it.
pub(super) struct Node {
    pub(super) references: u32,
    pub(super) leaf: bool,
    pub(super) keys: Vec<u64>,
    /// Blocks of children, or a leaf's values.
    pub(super) values: Vec<u64>,
}

/// Nodes by their metadata block.
pub(super) struct Arena {
    /// A node whose references are 0 is free. Block 0 is the superblock's.
    nodes: Vec<Node>,
    free: Vec<u64>,
    max_entries: usize,
}

impl Arena {
    pub(super) fn new(max_entries: usize) -> Self {
        let superblock = Node { references: 1, leaf: true, keys: Vec::new(), values: Vec::new() };
        Self { nodes: vec![superblock], free: Vec::new(), max_entries }
    }

    /// All nodes but the superblock's place, with their blocks; free ones included.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (u64, &Node)> {
        (0..).zip(&self.nodes).skip(1)
    }

    pub(super) fn height(&self, block: u64) -> usize {
        let node = self.node(block);
        if node.leaf { 1 } else { 1 + self.height(node.values[0]) }
    }

    pub(super) fn retain(&mut self, block: u64) {
        self.node_mut(block).references += 1;
    }

    pub(super) fn release(&mut self, block: u64) {
        let node = self.node_mut(block);
        node.references -= 1;
        if node.references > 0 {
            return;
        }
        let (leaf, values) = (node.leaf, std::mem::take(&mut node.values));
        node.keys.clear();
        self.free.push(block);
        if !leaf {
            values.into_iter().for_each(|child| self.release(child));
        }
    }

    /// Builds a tree of full nodes from ascending entries.
    pub(super) fn build(&mut self, entries: &[(u64, u64)]) -> u64 {
        let mut level = self.build_level(true, entries);
        while level.len() > 1 {
            level = self.build_level(false, &level);
        }
        level[0].1
    }

    fn build_level(&mut self, leaf: bool, entries: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let count = entries.len().div_ceil(self.max_entries).max(1);
        let bound = |index| entries.len() * index / count;
        let node = |index| {
            let (keys, values): (Vec<_>, Vec<_>) =
                entries[bound(index)..bound(index + 1)].iter().copied().unzip();
            (keys.first().copied().unwrap_or(0), self.add(leaf, keys, values))
        };
        (0..count).map(node).collect()
    }

    pub(super) fn contains(&self, root: u64, key: u64) -> bool {
        let mut node = self.node(root);
        while !node.leaf {
            let Some(index) = child_index(node, key) else { return false };
            node = self.node(node.values[index]);
        }
        node.keys.binary_search(&key).is_ok()
    }

    /// Sets the value of a key. Returns the new root, and whether the key is new.
    pub(super) fn insert(&mut self, root: u64, key: u64, value: u64) -> (u64, bool) {
        let mut root = self.own(root);
        if self.is_full_for(root, key) {
            let low = self.node(root).keys[0].min(key);
            root = self.add(false, vec![low], vec![root]);
            self.split_child(root, 0);
        }
        let mut block = root;
        while !self.node(block).leaf {
            let node = self.node_mut(block);
            let mut index = child_index(node, key).unwrap_or_else(|| {
                node.keys[0] = key;
                0
            });
            let child = self.own_child(block, index);
            if self.is_full_for(child, key) {
                self.split_child(block, index);
                index = child_index(self.node(block), key).expect("the first key is low enough");
            }
            block = self.node(block).values[index];
        }
        let leaf = self.node_mut(block);
        match leaf.keys.binary_search(&key) {
            Ok(index) => {
                leaf.values[index] = value;
                (root, false)
            }
            Err(index) => {
                leaf.keys.insert(index, key);
                leaf.values.insert(index, value);
                (root, true)
            }
        }
    }

    /// Removes a key that is there. Returns the new root.
    pub(super) fn remove(&mut self, root: u64, key: u64) -> u64 {
        let root = self.own(root);
        self.remove_below(root, key);
        let node = self.node(root);
        if node.leaf || node.keys.len() > 1 {
            return root;
        }
        let child = node.values[0];
        self.retain(child);
        self.release(root);
        child
    }

    /// Removes a key below a node that nobody else refers to. The node's own keys stay as they are,
    /// though its first child's first key may be gone.
    fn remove_below(&mut self, block: u64, key: u64) {
        let node = self.node_mut(block);
        if node.leaf {
            let index = node.keys.binary_search(&key).expect("the key is there");
            node.keys.remove(index);
            node.values.remove(index);
            return;
        }
        let index = child_index(node, key).expect("the key is there");
        let child = self.own_child(block, index);
        self.remove_below(child, key);
        if self.node(child).keys.len() < self.max_entries / 3 {
            self.rebalance(block, index.saturating_sub(1));
        }
    }

    /// Merges the children at `index` and after it, or evens them out.
    fn rebalance(&mut self, parent: u64, index: usize) {
        let (left, right) = (self.own_child(parent, index), self.own_child(parent, index + 1));
        let mut keys = std::mem::take(&mut self.node_mut(left).keys);
        let mut values = std::mem::take(&mut self.node_mut(left).values);
        keys.append(&mut self.node_mut(right).keys);
        values.append(&mut self.node_mut(right).values);
        if keys.len() > self.max_entries / 3 * 2 {
            let half = keys.len() / 2;
            self.node_mut(right).keys = keys.split_off(half);
            self.node_mut(right).values = values.split_off(half);
            self.node_mut(parent).keys[index + 1] = self.node(right).keys[0];
        } else {
            self.release(right);
            self.node_mut(parent).keys.remove(index + 1);
            self.node_mut(parent).values.remove(index + 1);
        }
        self.node_mut(left).keys = keys;
        self.node_mut(left).values = values;
    }

    /// Splits a full child in two halves. Nobody but `parent` refers to it.
    fn split_child(&mut self, parent: u64, index: usize) {
        let child = self.node(parent).values[index];
        let half = self.max_entries / 2;
        let node = self.node_mut(child);
        let (leaf, keys, values) =
            (node.leaf, node.keys.split_off(half), node.values.split_off(half));
        let low = keys[0];
        let right = self.add(leaf, keys, values);
        self.node_mut(parent).keys.insert(index + 1, low);
        self.node_mut(parent).values.insert(index + 1, right);
    }

    fn is_full_for(&self, block: u64, key: u64) -> bool {
        let node = self.node(block);
        let overwrites = node.leaf && node.keys.binary_search(&key).is_ok();
        node.keys.len() == self.max_entries && !overwrites
    }

    /// Makes a child one that only `parent` refers to.
    fn own_child(&mut self, parent: u64, index: usize) -> u64 {
        let child = self.own(self.node(parent).values[index]);
        self.node_mut(parent).values[index] = child;
        child
    }

    /// A node that the caller may change in the place of `block`, of which it had one reference.
    fn own(&mut self, block: u64) -> u64 {
        let node = self.node_mut(block);
        if node.references == 1 {
            return block;
        }
        node.references -= 1;
        let (leaf, keys, values) = (node.leaf, node.keys.clone(), node.values.clone());
        if !leaf {
            values.iter().for_each(|&child| self.retain(child));
        }
        self.add(leaf, keys, values)
    }

    fn add(&mut self, leaf: bool, keys: Vec<u64>, values: Vec<u64>) -> u64 {
        let node = Node { references: 1, leaf, keys, values };
        if let Some(block) = self.free.pop() {
            *self.node_mut(block) = node;
            return block;
        }
        self.nodes.push(node);
        self.nodes.len() as u64 - 1
    }

    fn node(&self, block: u64) -> &Node {
        &self.nodes[block as usize]
    }

    fn node_mut(&mut self, block: u64) -> &mut Node {
        &mut self.nodes[block as usize]
    }
}

/// The child in which a key belongs; None where it is below all.
fn child_index(node: &Node, key: u64) -> Option<usize> {
    node.keys.partition_point(|&low| low <= key).checked_sub(1)
}
