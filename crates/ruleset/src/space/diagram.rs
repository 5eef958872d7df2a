//! Sets of flows as decision diagrams: one field after the other, by the classes of its values; equal parts
//! are stored once, so that equal sets are the same number.
//! Not here: what classes mean ([`super::alphabet`]).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A set of flows in an [`Arena`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Space(u32);

impl Space {
    /// No flow.
    pub const NONE: Space = Space(0);
    /// Every flow of the shape.
    pub const ALL: Space = Space(1);

    /// Whether no flow is in it.
    pub fn is_empty(self) -> bool {
        self == Space::NONE
    }
}

/// A question: which field by its place in the order, and where each of its classes leads.
#[derive(Debug, Clone, Copy)]
struct Node {
    field: usize,
    children: usize,
}

/// Where spaces live.
#[derive(Debug)]
pub(super) struct Arena {
    /// How many classes each field has.
    classes: Vec<usize>,
    nodes: Vec<Node>,
    children: Vec<Space>,
    unique: HashMap<u64, Space, Quick>,
    done: HashMap<(Operation, Space, Space), Space, Quick>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    And,
    Or,
    Without,
}

impl Arena {
    pub(super) fn new(classes: Vec<usize>) -> Arena {
        // The two ends are asked after every field.
        let end = Node { field: classes.len(), children: 0 };
        let (unique, done) = (HashMap::default(), HashMap::default());
        Arena { classes, nodes: vec![end; 2], children: Vec::new(), unique, done }
    }

    /// How much it holds: the answers of all questions.
    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    /// The flows whose class of a field is one of these.
    pub(super) fn one_of(&mut self, field: usize, members: &[usize]) -> Space {
        let mut children = vec![Space::NONE; self.classes[field]];
        members.iter().for_each(|class| children[*class] = Space::ALL);
        self.node(field, &children)
    }

    pub(super) fn and(&mut self, a: Space, b: Space) -> Space {
        match (a, b) {
            (Space::NONE, _) | (_, Space::NONE) => Space::NONE,
            (Space::ALL, other) | (other, Space::ALL) => other,
            _ if a == b => a,
            _ => self.apply(Operation::And, a.min(b), a.max(b)),
        }
    }

    pub(super) fn or(&mut self, a: Space, b: Space) -> Space {
        match (a, b) {
            (Space::ALL, _) | (_, Space::ALL) => Space::ALL,
            (Space::NONE, other) | (other, Space::NONE) => other,
            _ if a == b => a,
            _ => self.apply(Operation::Or, a.min(b), a.max(b)),
        }
    }

    pub(super) fn without(&mut self, a: Space, b: Space) -> Space {
        match (a, b) {
            (Space::NONE, _) | (_, Space::ALL) => Space::NONE,
            (_, Space::NONE) => a,
            _ if a == b => Space::NONE,
            _ => self.apply(Operation::Without, a, b),
        }
    }

    /// The field that a space asks first, and where its classes lead; none at an end.
    pub(super) fn question(&self, space: Space) -> Option<(usize, &[Space])> {
        let node = self.nodes[space.0 as usize];
        let count = self.classes.get(node.field)?;
        Some((node.field, &self.children[node.children..node.children + count]))
    }

    /// Whether a flow of these classes is in it.
    pub(super) fn contains(&self, mut space: Space, classes: &[usize]) -> bool {
        while let Some((field, children)) = self.question(space) {
            space = children[classes[field]];
        }
        space == Space::ALL
    }

    fn apply(&mut self, operation: Operation, a: Space, b: Space) -> Space {
        if let Some(done) = self.done.get(&(operation, a, b)) {
            return *done;
        }
        let (of_a, of_b) = (self.nodes[a.0 as usize], self.nodes[b.0 as usize]);
        let field = of_a.field.min(of_b.field);
        let count = self.classes[field];
        let mut children = Vec::with_capacity(count);
        let mut last = None;
        for class in 0..count {
            let pair = (self.child(a, of_a, field, class), self.child(b, of_b, field, class));
            // Neighbours mostly lead to the same.
            let found = match last {
                Some((same, found)) if same == pair => found,
                _ => self.combine(operation, pair.0, pair.1),
            };
            last = Some((pair, found));
            children.push(found);
        }
        let space = self.node(field, &children);
        self.done.insert((operation, a, b), space);
        space
    }

    fn combine(&mut self, operation: Operation, a: Space, b: Space) -> Space {
        match operation {
            Operation::And => self.and(a, b),
            Operation::Or => self.or(a, b),
            Operation::Without => self.without(a, b),
        }
    }

    fn child(&self, space: Space, node: Node, field: usize, class: usize) -> Space {
        if node.field == field { self.children[node.children + class] } else { space }
    }

    /// The one node with these children; none where they are all the same.
    pub(super) fn node(&mut self, field: usize, children: &[Space]) -> Space {
        if let Some(first) = children.first().filter(|first| children.iter().all(|child| child == *first)) {
            return *first;
        }
        let mut key = hash(field, children);
        while let Some(found) = self.unique.get(&key) {
            if self.question(*found) == Some((field, children)) {
                return *found;
            }
            key = key.wrapping_add(1);
        }
        let space = Space(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(Node { field, children: self.children.len() });
        self.children.extend_from_slice(children);
        self.unique.insert(key, space);
        space
    }
}

fn hash(field: usize, children: &[Space]) -> u64 {
    let mut hasher = Multiply::default();
    hasher.write_usize(field);
    children.iter().for_each(|child| hasher.write_u32(child.0));
    hasher.finish()
}

type Quick = BuildHasherDefault<Multiply>;

/// Numbers of ours need no hash that withstands an attacker: one multiplication a word (the constant is the
/// golden ratio's fraction, odd).
#[derive(Debug, Clone, Copy, Default)]
struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word.unsigned_abs() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_are_the_same_number() {
        let mut arena = Arena::new(vec![3, 4]);
        let (a, b) = (arena.one_of(0, &[0, 1]), arena.one_of(1, &[2]));
        let (both, either) = (arena.and(a, b), arena.or(a, b));
        let rest = arena.without(either, both);
        let again = arena.or(rest, both);
        assert_eq!(again, either);
        let flipped = arena.and(b, a);
        assert_eq!(flipped, both);
        assert_eq!(arena.without(both, either), Space::NONE);
        assert_eq!(arena.one_of(0, &[0, 1, 2]), Space::ALL);
    }

    #[test]
    fn every_operation_is_that_on_each_flow() {
        let mut arena = Arena::new(vec![2, 3, 2]);
        let literals: Vec<Space> = [(0, vec![0]), (1, vec![1]), (1, vec![0, 2]), (2, vec![1])]
            .iter()
            .map(|(f, m)| arena.one_of(*f, m))
            .collect();
        let mut spaces = literals;
        for at in 0..60 {
            let (a, b) = (spaces[at % spaces.len()], spaces[at * 7 % spaces.len()]);
            let results = [arena.and(a, b), arena.or(a, b), arena.without(a, b)];
            for flow in (0..12).map(|n| [n % 2, n / 2 % 3, n / 6]) {
                let [in_a, in_b] = [a, b].map(|space| arena.contains(space, &flow));
                let wanted = [in_a && in_b, in_a || in_b, in_a && !in_b];
                assert_eq!(results.map(|space| arena.contains(space, &flow)), wanted);
            }
            spaces.extend(results);
        }
    }
}
