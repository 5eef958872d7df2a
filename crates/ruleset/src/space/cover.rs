//! A space as few and wide boxes, which may overlap: what people read.
//! Not here: one flow of a space ([`super::boxes`]).

use super::Study;
use super::boxes::FlowBox;
use super::diagram::Space;

/// Beyond so many boxes they stay as they are: widening each against all costs the square of their number.
const WIDENED_MAX: usize = 256;

/// For each field, by its place in the order: its classes; none is all of them.
type Classes = Vec<Option<Vec<usize>>>;

impl Study {
    /// A space as boxes: not more than so many, and whether that is all of it. Each is as wide as the space lets
    /// it be, and none is within the others.
    pub fn boxes(&mut self, space: Space, most: usize) -> (Vec<FlowBox>, bool) {
        let mut found = Vec::new();
        let is_whole = self.collect(space, &mut vec![None; self.fields.order.len()], &mut found, most);
        if found.len() <= WIDENED_MAX {
            found.iter_mut().for_each(|classes| self.widen(classes, space));
            found = self.without_those_within(found);
            self.narrow(&mut found);
        }
        (found.iter().map(|classes| self.flow_box(classes)).collect(), is_whole)
    }

    /// Boxes that do not overlap, as the diagram has them.
    fn collect(&self, space: Space, classes: &mut Classes, into: &mut Vec<Classes>, most: usize) -> bool {
        let Some((place, children)) = self.arena.question(space) else {
            if space.is_empty() {
                return true;
            }
            if into.len() < most {
                into.push(classes.clone());
            }
            return into.len() <= most;
        };
        let mut leads: Vec<Space> = Vec::new();
        for child in children.iter().filter(|child| !child.is_empty()) {
            if !leads.contains(child) {
                leads.push(*child);
            }
        }
        let is_whole = leads.into_iter().all(|lead| {
            let these = children.iter().enumerate().filter(|(_, child)| **child == lead);
            classes[place] = Some(these.map(|(class, _)| class).collect());
            self.collect(lead, classes, into, most)
        });
        classes[place] = None;
        is_whole
    }

    /// Lets go of fields, then of single classes, as long as the space holds the box.
    fn widen(&mut self, classes: &mut Classes, space: Space) {
        for place in 0..classes.len() {
            let Some(mut own) = classes[place].take() else { continue };
            if self.is_within(classes, space) {
                continue;
            }
            for class in 0..self.fields.alphabets[place].count() {
                if !own.contains(&class) {
                    classes[place] = Some(vec![class]);
                    if self.is_within(classes, space) {
                        own.push(class);
                    }
                }
            }
            own.sort_unstable();
            classes[place] = Some(own);
        }
    }

    fn is_within(&mut self, classes: &Classes, space: Space) -> bool {
        let own = self.space_of(classes);
        self.arena.without(own, space).is_empty()
    }

    fn space_of(&mut self, classes: &Classes) -> Space {
        let mut space = Space::ALL;
        for (place, classes) in classes.iter().enumerate() {
            if let Some(classes) = classes {
                let one = self.arena.one_of(place, classes);
                space = self.arena.and(space, one);
            }
        }
        space
    }

    /// Without those that the others together hold: the narrowest go first.
    fn without_those_within(&mut self, mut boxes: Vec<Classes>) -> Vec<Classes> {
        boxes.sort_by_key(|classes| classes.iter().filter(|one| one.is_some()).count());
        boxes.dedup();
        for place in (0..boxes.len()).rev() {
            let own = self.space_of(&boxes[place]);
            let others = self.others(&boxes, place);
            if self.arena.without(own, others).is_empty() {
                boxes.remove(place);
            }
        }
        boxes
    }

    /// Without the classes of a box that the others hold anyway.
    fn narrow(&mut self, boxes: &mut [Classes]) {
        for place in 0..boxes.len() {
            let (own, others) = (self.space_of(&boxes[place]), self.others(boxes, place));
            let needed = self.arena.without(own, others);
            for field in 0..self.fields.order.len() {
                let Some(all) = boxes[place][field].clone() else { continue };
                for class in all {
                    let mut fewer = boxes[place].clone();
                    fewer[field].iter_mut().for_each(|classes| classes.retain(|own| *own != class));
                    let space = self.space_of(&fewer);
                    if self.arena.without(needed, space).is_empty() {
                        boxes[place] = fewer;
                    }
                }
            }
        }
    }

    fn others(&mut self, boxes: &[Classes], place: usize) -> Space {
        let others = boxes.iter().enumerate().filter(|(at, _)| *at != place);
        others.fold(Space::NONE, |all, (_, classes)| {
            let one = self.space_of(classes);
            self.arena.or(all, one)
        })
    }

    fn flow_box(&self, classes: &Classes) -> FlowBox {
        let named = classes.iter().enumerate().filter_map(|(place, classes)| {
            let classes = classes.as_ref()?;
            let values = self.fields.alphabets[place].values(|class| classes.contains(&class));
            Some((self.fields.order[place], values))
        });
        FlowBox { shape: self.shape, fields: named.collect() }
    }
}
