//! What a space says of some fields alone, whatever the others are.
//! Not here: spaces as people name them ([`super::boxes`]).

use super::Study;
use super::diagram::{Arena, Space};
use super::field::Field;
use super::ranges::Ranges;
use std::collections::HashMap;

impl Study {
    /// The flows that have these fields' values in common with a flow of the space.
    pub fn project(&mut self, space: Space, onto: &[Field]) -> Space {
        let kept: Vec<bool> = self.fields.order.iter().map(|field| onto.contains(field)).collect();
        project(&mut self.arena, space, &kept, &mut HashMap::new())
    }

    /// A space by the values of a field: each part with what the flows with these values are. The field is the
    /// first that the space asks, as after a projection onto it.
    pub fn split(&self, space: Space, field: Field) -> Vec<(Ranges, Space)> {
        let place = self.fields.order.iter().position(|own| *own == field);
        let Some((_, children)) = self.arena.question(space).filter(|(first, _)| Some(*first) == place)
        else {
            let all = (self.shape.domain(field), space);
            return if space.is_empty() { Vec::new() } else { vec![all] };
        };
        let mut leads: Vec<Space> = Vec::new();
        for child in children.iter().filter(|child| !child.is_empty()) {
            if !leads.contains(child) {
                leads.push(*child);
            }
        }
        let place = place.unwrap_or_default();
        let values = |lead| self.fields.alphabets[place].values(|class| children[class] == lead);
        leads.into_iter().map(|lead| (values(lead), lead)).collect()
    }

    /// The values of a field among the flows of a space.
    pub fn values(&mut self, space: Space, field: Field) -> Ranges {
        let projected = self.project(space, &[field]);
        self.split(projected, field).into_iter().fold(Ranges::NONE, |all, (values, _)| all.or(&values))
    }
}

fn project(arena: &mut Arena, space: Space, kept: &[bool], done: &mut HashMap<Space, Space>) -> Space {
    let Some((place, children)) = arena.question(space) else { return space };
    if let Some(known) = done.get(&space) {
        return *known;
    }
    let mut children = children.to_vec();
    for child in &mut children {
        *child = project(arena, *child, kept, done);
    }
    let projected = if kept[place] {
        arena.node(place, &children)
    } else {
        children.dedup();
        children.into_iter().fold(Space::NONE, |all, child| arena.or(all, child))
    };
    done.insert(space, projected);
    projected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projection_forgets_the_other_fields() {
        let mut arena = Arena::new(vec![2, 3, 2]);
        let (a, b, c) = (arena.one_of(0, &[1]), arena.one_of(1, &[0, 2]), arena.one_of(2, &[0]));
        let ab = arena.and(a, b);
        let abc = arena.and(ab, c);
        let mut onto = |space, kept: [bool; 3]| project(&mut arena, space, &kept, &mut HashMap::new());
        assert_eq!(onto(abc, [false, true, false]), b);
        assert_eq!(onto(abc, [true, true, false]), ab);
        assert_eq!(onto(abc, [true; 3]), abc);
        assert_eq!(onto(abc, [false; 3]), Space::ALL);
        assert_eq!(onto(Space::NONE, [false; 3]), Space::NONE);
    }
}
