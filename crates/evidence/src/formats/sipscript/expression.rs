//! The expressions of `#!ifexp` and `#!defexp`: numbers, strings, names, and the operators of C.
//! Not here: what a name stands for.

/// Expressions within each other. Real ones have fewer than five.
const DEPTH_MAX: usize = 32;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Text(String),
}

impl Value {
    pub(super) fn is_true(&self) -> bool {
        match self {
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
        }
    }

    pub(super) fn shown(&self, is_quoted: bool) -> String {
        match self {
            Value::Number(number) if !is_quoted => number.to_string(),
            Value::Number(number) => format!("\"{number}\""),
            Value::Text(text) if !is_quoted => text.clone(),
            Value::Text(text) => format!("\"{text}\""),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Value::Number(number) => *number,
            Value::Text(text) => text.trim().parse().unwrap_or(0.0),
        }
    }
}

/// The value, or what cannot be told. A name's value is asked for; none is one that is not known here.
pub(super) fn evaluate(text: &str, of: &dyn Fn(&str) -> Option<Value>) -> Result<Value, String> {
    let mut expression = Expression { rest: text, of, depth: 0 };
    let value = expression.binary(0)?;
    if expression.rest.trim().is_empty() { Ok(value) } else { Err(expression.unexpected()) }
}

struct Expression<'t> {
    rest: &'t str,
    of: &'t dyn Fn(&str) -> Option<Value>,
    depth: usize,
}

/// From the loosest to the tightest; the longer spelling first.
const OPERATORS: [&[&str]; 6] =
    [&["||"], &["&&"], &["==", "!="], &[">=", "<=", ">", "<"], &["+", "-"], &["*", "/", "%"]];

impl Expression<'_> {
    fn binary(&mut self, level: usize) -> Result<Value, String> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.is_next(operator)) {
            self.rest = self.rest.trim_start().strip_prefix(operator).unwrap_or("");
            let right = self.binary(level + 1)?;
            left = apply(operator, &left, &right);
        }
        Ok(left)
    }

    fn is_next(&self, operator: &str) -> bool {
        self.rest.trim_start().starts_with(operator)
    }

    fn unary(&mut self) -> Result<Value, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("more than {DEPTH_MAX} expressions within each other"));
        }
        self.rest = self.rest.trim_start();
        let value = match self.rest.chars().next() {
            Some('!') => {
                self.rest = self.rest.get(1..).unwrap_or("");
                Value::Number(f64::from(!self.unary()?.is_true()))
            }
            Some('-') => {
                self.rest = self.rest.get(1..).unwrap_or("");
                Value::Number(-self.unary()?.number())
            }
            Some('(') => self.group()?,
            _ => self.operand()?,
        };
        self.depth -= 1;
        Ok(value)
    }

    fn group(&mut self) -> Result<Value, String> {
        self.rest = self.rest.get(1..).unwrap_or("");
        let value = self.binary(0)?;
        match self.rest.trim_start().strip_prefix(')') {
            Some(rest) => self.rest = rest,
            None => return Err(self.unexpected()),
        }
        Ok(value)
    }

    fn operand(&mut self) -> Result<Value, String> {
        if let Some(quote) = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let inside = self.rest.get(1..).unwrap_or("");
            let (text, rest) = inside.split_once(quote).ok_or_else(|| self.unexpected())?;
            self.rest = rest;
            return Ok(Value::Text(text.to_owned()));
        }
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        if word.is_empty() {
            return Err(self.unexpected());
        }
        self.rest = rest;
        if let Ok(number) = word.parse() {
            return Ok(Value::Number(number));
        }
        (self.of)(word).ok_or_else(|| format!("{word} is not known here"))
    }

    fn unexpected(&self) -> String {
        let shown: String = self.rest.trim().chars().take(20).collect();
        format!("not understood at {shown:?}")
    }
}

/// The left side says whether texts or numbers are compared.
fn apply(operator: &str, left: &Value, right: &Value) -> Value {
    let order = match (left, right) {
        (Value::Text(left), Value::Text(right)) => left.partial_cmp(right),
        _ => left.number().partial_cmp(&right.number()),
    };
    let truth = |holds: bool| Value::Number(f64::from(holds));
    let (a, b) = (left.number(), right.number());
    match operator {
        "||" => truth(left.is_true() || right.is_true()),
        "&&" => truth(left.is_true() && right.is_true()),
        "==" => truth(order.is_some_and(|order| order.is_eq())),
        "!=" => truth(order.is_some_and(|order| order.is_ne())),
        ">=" => truth(order.is_some_and(|order| order.is_ge())),
        "<=" => truth(order.is_some_and(|order| order.is_le())),
        ">" => truth(order.is_some_and(|order| order.is_gt())),
        "<" => truth(order.is_some_and(|order| order.is_lt())),
        "+" => match (left, right) {
            (Value::Text(left), Value::Text(right)) => Value::Text(format!("{left}{right}")),
            _ => Value::Number(a + b),
        },
        "-" => Value::Number(a - b),
        "*" => Value::Number(a * b),
        "/" => Value::Number(a / b),
        _ => Value::Number(a % b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> Result<bool, String> {
        let of = |name: &str| match name {
            "PORT" => Some(Value::Text("5070".into())),
            "SET" => Some(Value::Number(1.0)),
            "UNKNOWN" => None,
            _ => Some(Value::Number(0.0)),
        };
        evaluate(text, &of).map(|value| value.is_true())
    }

    #[test]
    fn expressions_come_to_what_they_say() {
        assert_eq!(holds("PORT == 5070 && !UNSET"), Ok(true));
        assert_eq!(holds("PORT > 5070 || SET"), Ok(true));
        assert_eq!(holds("(1 + 2) * 3 == 9"), Ok(true));
        assert_eq!(holds("PORT == \"5060\""), Ok(false));
        assert!(holds("UNKNOWN >= 5006000").is_err());
        assert!(holds("(1").is_err());
        assert!(holds(&"(".repeat(100_000)).is_err());
        assert!(holds(&"!".repeat(100_000)).is_err());
    }
}
