//! The tree above the leaves: 16 children a node, BLAKE3, four levels, one root.

use super::Leaves;

const ARITY: usize = 16;

/// The root over all leaves of one side. Level numbers are hashed in, so that a node cannot pass for a leaf.
pub fn root(leaves: &Leaves) -> blake3::Hash {
    let mut level = leaves.to_bytes();
    let mut width = 24;
    let mut height = 1u8;
    loop {
        let next: Vec<[u8; 32]> = level
            .chunks(width * ARITY)
            .map(|children| {
                *blake3::Hasher::new()
                    .update(&[height])
                    .update(children)
                    .finalize()
                    .as_bytes()
            })
            .collect();
        if let [root] = next[..] {
            return blake3::Hash::from_bytes(root);
        }
        level = next.concat();
        width = 32;
        height += 1;
    }
}
