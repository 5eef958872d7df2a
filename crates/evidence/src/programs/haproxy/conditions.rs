//! HAProxy's `.if`, with a third answer where it depends on the running process.
//! Source: "Conditional blocks" in HAProxy's configuration manual.

use super::words::{Environment, is_unknown};

/// Parentheses in parentheses.
const DEPTH_MAX: usize = 32;
/// Bytes of an expression: it is read again for each parenthesis.
const EXPRESSION_MAX: usize = 1024;

/// Whether a block is read; none where that is not known here.
pub(super) type Truth = Option<bool>;

/// The blocks that are open.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<Block>);

#[derive(Debug)]
struct Block {
    /// Whether one of its branches was read already.
    taken: Truth,
    now: Truth,
    outside: Truth,
}

impl Blocks {
    /// Whether lines are read here.
    pub(super) fn now(&self) -> Truth {
        self.0.last().map_or(Some(true), |block| block.now)
    }

    pub(super) fn is_open(&self) -> bool {
        !self.0.is_empty()
    }

    pub(super) fn close_all(&mut self) {
        self.0.clear();
    }

    /// Takes a line that begins with a dot; what is wrong with it.
    pub(super) fn take(&mut self, name: &str, rest: &str, environment: &Environment) -> Result<(), String> {
        match name {
            ".if" => {
                let outside = self.now();
                let truth = evaluate(rest, environment);
                self.0.push(Block { taken: truth, now: and(outside, truth), outside });
            }
            ".elif" | ".else" => {
                let truth = if name == ".else" { Some(true) } else { evaluate(rest, environment) };
                let block = self.0.last_mut().ok_or_else(|| format!("{name} without .if"))?;
                block.now = and(block.outside, and(block.taken.map(|taken| !taken), truth));
                block.taken = or(block.taken, truth);
            }
            ".endif" => {
                self.0.pop().ok_or(".endif without .if")?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn and(a: Truth, b: Truth) -> Truth {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Truth, b: Truth) -> Truth {
    and(a.map(|a| !a), b.map(|b| !b)).map(|neither| !neither)
}

fn evaluate(expression: &str, environment: &Environment) -> Truth {
    let expression = expression.trim();
    // An empty expression is false.
    if expression.is_empty() { Some(false) } else { any(expression, environment, DEPTH_MAX) }
}

fn any(expression: &str, environment: &Environment, depth: usize) -> Truth {
    if expression.len() > EXPRESSION_MAX || depth == 0 {
        return None;
    }
    let all = |part: &str| {
        let terms = split(part, "&&").into_iter().map(|one| term(one.trim(), environment, depth));
        terms.fold(Some(true), and)
    };
    split(expression, "||").into_iter().map(all).fold(Some(false), or)
}

fn term(text: &str, environment: &Environment, depth: usize) -> Truth {
    if let Some(rest) = text.strip_prefix('!') {
        return any(rest.trim(), environment, depth - 1).map(|is| !is);
    }
    let Some((name, rest)) = text.split_once('(') else {
        return text.parse::<i64>().ok().map(|number| number != 0);
    };
    let inner = rest.strip_suffix(')')?;
    match name.trim() {
        "" => any(inner.trim(), environment, depth - 1),
        name => call(name, inner, environment),
    }
}

/// Functions of the environment, of the version (which has `.if` since 2.4), and of what is built in.
fn call(name: &str, inner: &str, environment: &Environment) -> Truth {
    let arguments: Vec<String> =
        split(inner, ",").into_iter().map(|one| super::words::words(one, environment).join(" ")).collect();
    let first = arguments.first()?;
    let same = || {
        let second = arguments.get(1)?;
        (!is_unknown(first) && !is_unknown(second)).then(|| first == second)
    };
    match name {
        "defined" => environment.get(first).map(Option::is_some),
        "streq" => same(),
        "strneq" => same().map(|is| !is),
        "version_atleast" => is_old(first),
        "version_before" => is_old(first).map(|is| !is),
        "feature" if first == "OPENSSL" => Some(true),
        _ => None,
    }
}

/// Whether every HAProxy that knows `.if` has this version; none where only newer ones do.
fn is_old(version: &str) -> Truth {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let (major, minor) = (numbers.next()??, numbers.next().flatten().unwrap_or(0));
    ((major, minor) <= (2, 4)).then_some(true)
}

/// Parts between a separator that stands outside quotes and parentheses.
fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('(', None) => depth += 1,
            (')', None) => depth = depth.saturating_sub(1),
            _ if depth == 0 && at >= start && text.get(at..).is_some_and(|t| t.starts_with(separator)) => {
                parts.push(text.get(start..at).unwrap_or(""));
                start = at + separator.len();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or(""));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_true_false_or_not_known() {
        let environment =
            Environment::from([("TLS".to_owned(), Some("yes".to_owned())), ("GONE".to_owned(), None)]);
        let of = |text| evaluate(text, &environment);
        assert_eq!(of("defined(TLS)"), Some(true));
        assert_eq!(of("!defined(TLS) || defined(GONE)"), Some(false));
        assert_eq!(of("defined(OTHER)"), None);
        assert_eq!(of("defined(OTHER) && 0"), Some(false));
        assert_eq!(of("streq(\"$TLS\",yes) && (1 || defined(X))"), Some(true));
        assert_eq!(of("strneq(\"$OTHER\",yes)"), None);
        assert_eq!(of("version_atleast(2.4-dev19)"), Some(true));
        assert_eq!(of("version_before(2.0)"), Some(false));
        assert_eq!(of("version_atleast(3.0)"), None);
        assert_eq!(of(""), Some(false));
        assert_eq!(of(&"(".repeat(900)), None);
    }
}
