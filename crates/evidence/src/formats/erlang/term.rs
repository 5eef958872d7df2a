//! Erlang terms, and how Erlang's own functions look things up in them.
//! Not here: reading them.

/// A term and the line that it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Where it begins.
    pub line: u32,
    /// What it is.
    pub node: Node,
    /// It stands in a part that a template may leave out.
    pub is_perhaps: bool,
}

/// What a term is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// `name`, `'quoted name'`; a variable too, which no file of terms has.
    Atom(String),
    /// `"string"` or `<<"binary">>`.
    Text(String),
    /// An integer, in any base.
    Integer(i64),
    /// A float, or an integer that is out of bounds, as it is written.
    Number(String),
    /// `{…}`.
    Tuple(Vec<Term>),
    /// `[…]`.
    List(Vec<Term>),
    /// `#{key => value}`.
    Map(Vec<(Term, Term)>),
    /// What a template fills in, as it is written.
    Placeholder(String),
}

impl Term {
    /// An atom's name.
    pub fn atom(&self) -> Option<&str> {
        match &self.node {
            Node::Atom(name) => Some(name),
            _ => None,
        }
    }

    /// The text of a string, a binary, an atom or a placeholder.
    pub fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) | Node::Atom(text) | Node::Placeholder(text) => Some(text),
            _ => None,
        }
    }

    /// An integer.
    pub fn integer(&self) -> Option<i64> {
        match self.node {
            Node::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    /// The elements of a tuple; none for anything else.
    pub fn tuple(&self) -> &[Term] {
        match &self.node {
            Node::Tuple(elements) => elements,
            _ => &[],
        }
    }

    /// The elements of a list; none for anything else.
    pub fn list(&self) -> &[Term] {
        match &self.node {
            Node::List(elements) => elements,
            _ => &[],
        }
    }

    /// `{key, value}`.
    pub fn pair(&self) -> Option<(&str, &Term)> {
        match self.tuple() {
            [key, value] => Some((key.atom()?, value)),
            _ => None,
        }
    }

    /// Of a list of `{key, value}`: the first value of that key, as `proplists:get_value/2` takes it.
    pub fn property(&self, key: &str) -> Option<&Term> {
        self.list().iter().filter_map(Term::pair).find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    /// Of a list: whether `key` or `{key, true}` is in it, as `proplists:get_bool/2` takes it.
    pub fn is_set(&self, key: &str) -> bool {
        let of = |term: &Term| match term.pair() {
            Some((k, value)) if k == key => Some(value.atom() == Some("true")),
            _ => (term.atom() == Some(key)).then_some(true),
        };
        self.list().iter().find_map(of).unwrap_or(false)
    }
}
