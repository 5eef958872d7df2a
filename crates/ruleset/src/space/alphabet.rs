//! The values of a field in classes that no rule tells apart.
//! Not here: which values rules ask for ([`super::formula::Values`]).
//!
//! Ten thousand addresses in a set are one class unless another set holds some of them: what is computed with
//! classes costs by what rules tell apart, not by how many addresses they name.

use super::ranges::Ranges;

/// Classes of one field, by partition refinement: exact, and in time by the ranges that are asked for.
#[derive(Debug)]
pub(super) struct Alphabet {
    /// Where an interval of values begins: sorted. Between two, all values are of one class.
    starts: Vec<u128>,
    /// The last value of each interval.
    lasts: Vec<u128>,
    /// The class of each interval.
    classes: Vec<usize>,
    count: usize,
    /// For each set of values, by number: the classes in it.
    members: Vec<Vec<usize>>,
}

impl Alphabet {
    pub(super) fn new(domain: &Ranges, asked: &[Ranges]) -> Alphabet {
        let (starts, lasts) = intervals(domain, asked);
        let mut alphabet =
            Alphabet { classes: vec![0; starts.len()], starts, lasts, count: 1, members: Vec::new() };
        let covered: Vec<Vec<usize>> = asked.iter().map(|values| alphabet.covered(values)).collect();
        alphabet.refine(&covered);
        alphabet.members = covered.into_iter().map(|intervals| alphabet.classes_of(intervals)).collect();
        alphabet
    }

    /// How many classes there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The classes in a set of values, by the number under which it was asked for.
    pub(super) fn members(&self, number: usize) -> &[usize] {
        &self.members[number]
    }

    /// The class of a value; none outside the field's domain.
    pub(super) fn class(&self, value: u128) -> Option<usize> {
        let at = self.starts.partition_point(|start| *start <= value).checked_sub(1)?;
        (value <= self.lasts[at]).then(|| self.classes[at])
    }

    /// The values of some classes.
    pub(super) fn values(&self, wanted: impl Fn(usize) -> bool) -> Ranges {
        let those = (0..self.starts.len()).filter(|at| wanted(self.classes[*at]));
        Ranges::of(those.map(|at| (self.starts[at], self.lasts[at])).collect())
    }

    /// The intervals that values cover: wholly, as intervals are cut at their ends.
    fn covered(&self, values: &Ranges) -> Vec<usize> {
        let mut covered = Vec::new();
        for &(first, last) in values.ranges() {
            let from = self.starts.partition_point(|start| *start < first);
            covered.extend((from..self.starts.len()).take_while(|at| self.starts[*at] <= last));
        }
        covered
    }

    /// Splits each class of which a set of values holds a part.
    fn refine(&mut self, covered: &[Vec<usize>]) {
        let mut sizes = vec![self.starts.len()];
        let mut inside = vec![0; 1];
        for intervals in covered {
            let mut touched = Vec::new();
            for at in intervals {
                let class = self.classes[*at];
                if inside[class] == 0 {
                    touched.push(class);
                }
                inside[class] += 1;
            }
            // Where a class goes that is split.
            let mut split = Vec::with_capacity(touched.len());
            for class in touched {
                let count = std::mem::take(&mut inside[class]);
                if count < sizes[class] {
                    sizes[class] -= count;
                    split.push((class, sizes.len()));
                    sizes.push(count);
                    inside.push(0);
                }
            }
            self.move_to(intervals, &split);
        }
        self.count = sizes.len();
    }

    fn move_to(&mut self, intervals: &[usize], split: &[(usize, usize)]) {
        if split.is_empty() {
            return;
        }
        let mut to = vec![None; split.iter().map(|(class, _)| class + 1).max().unwrap_or(0)];
        split.iter().for_each(|(class, new)| to[*class] = Some(*new));
        for at in intervals {
            if let Some(new) = to.get(self.classes[*at]).copied().flatten() {
                self.classes[*at] = new;
            }
        }
    }

    fn classes_of(&self, intervals: Vec<usize>) -> Vec<usize> {
        let mut classes: Vec<usize> = intervals.into_iter().map(|at| self.classes[at]).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }
}

/// The domain cut wherever a set of values begins or ends.
fn intervals(domain: &Ranges, asked: &[Ranges]) -> (Vec<u128>, Vec<u128>) {
    let mut cuts: Vec<u128> = domain.ranges().iter().map(|(first, _)| *first).collect();
    for (first, last) in asked.iter().flat_map(Ranges::ranges) {
        cuts.push(*first);
        cuts.extend(last.checked_add(1));
    }
    cuts.sort_unstable();
    cuts.dedup();
    cuts.retain(|cut| domain.contains(*cut));
    let end_of_domain = |start: u128| {
        let range = domain.ranges().iter().find(|(first, last)| *first <= start && start <= *last);
        range.map_or(start, |(_, last)| *last)
    };
    let end = |(at, start): (usize, &u128)| {
        let end = end_of_domain(*start);
        cuts.get(at + 1).map_or(end, |next| end.min(next - 1))
    };
    let lasts = cuts.iter().enumerate().map(end).collect();
    (cuts, lasts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_nothing_tells_apart_are_one_class() {
        let domain = Ranges::span(0, 999);
        let asked = [
            Ranges::of(vec![(10, 19), (30, 39)]),
            Ranges::span(15, 34),
            Ranges::of(vec![(10, 19), (30, 39)]),
            Ranges::NONE,
            domain.clone(),
        ];
        let alphabet = Alphabet::new(&domain, &asked);
        assert_eq!(alphabet.count(), 4, "in neither, in one, in the other, in both");
        for (number, values) in asked.iter().enumerate() {
            for value in 0..1000 {
                let class = alphabet.class(value).unwrap();
                assert_eq!(
                    alphabet.members(number).contains(&class),
                    values.contains(value),
                    "{number} {value}"
                );
            }
            let members = alphabet.members(number);
            assert_eq!(alphabet.values(|class| members.contains(&class)), *values);
        }
        assert_eq!(alphabet.class(1000), None);
    }

    #[test]
    fn a_domain_may_have_gaps() {
        let domain = Ranges::of(vec![(0, 5), (8, 20)]);
        let alphabet = Alphabet::new(&domain, &[Ranges::span(4, 9)]);
        assert_eq!((alphabet.class(6), alphabet.class(7), alphabet.class(21)), (None, None, None));
        assert_eq!(alphabet.class(4), alphabet.class(9));
        assert_eq!(alphabet.values(|class| Some(class) == alphabet.class(4)).ranges(), [(4, 5), (8, 9)]);
    }
}
