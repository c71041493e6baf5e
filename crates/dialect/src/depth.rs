//! Refuses a statement so deep that walking it could exhaust the stack.
//!
//! The parser bounds how deep parentheses and prefixes nest, but `1 + 1 + 1 + ...`, `x::int::int` and `SELECT ... UNION SELECT ...`
//! grow a tree one level an operator, and trees are walked (and freed) by recursion. So the operators are counted before parsing.

use datafusion::logical_expr::sqlparser::keywords::Keyword;
use datafusion::logical_expr::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::DialectError;

/// How many operators may stand above each other. 2 MiB of stack, a thread's usual share, hold some 200 without optimisation.
const LIMIT: usize = 128;

/// Counts the operators above each other.
///
/// # Errors
/// [`DialectError::TooDeep`].
pub(crate) fn check(tokens: &[TokenWithSpan]) -> Result<(), DialectError> {
    let mut outer: Vec<Level> = Vec::new();
    let mut outer_depth = 0;
    let mut level = Level::default();
    for token in tokens {
        match role(&token.token) {
            Role::Opens => {
                outer_depth += level.depth();
                outer.push(std::mem::take(&mut level));
            }
            Role::Closes => {
                if let Some(around) = outer.pop() {
                    level = around;
                    outer_depth -= level.depth();
                }
            }
            Role::Operator => level.operators += 1,
            // The operators of each condition are beside each other, not above.
            Role::Connective => level = Level { connectives: level.connectives + 1, operators: 0, ..level },
            Role::SetOperator => level.sets += 1,
            Role::Begins => level = Level { sets: level.sets, ..Level::default() },
            Role::Operand => {}
        }
        if outer_depth + level.depth() > LIMIT {
            return Err(DialectError::TooDeep { limit: LIMIT });
        }
    }
    Ok(())
}

/// What was met between two parentheses.
#[derive(Default)]
struct Level {
    /// Since the last connective.
    operators: usize,
    /// Since the last comma or clause.
    connectives: usize,
    /// Set operations and joins.
    sets: usize,
}

impl Level {
    fn depth(&self) -> usize {
        self.operators + self.connectives + self.sets
    }
}

enum Role {
    Opens,
    Closes,
    /// One level deeper than what stands before it.
    Operator,
    /// `AND` or `OR`: deeper than the conditions before it, which are complete.
    Connective,
    /// Deeper too, but not ended by a clause: a clause of the next `SELECT` begins right after it.
    SetOperator,
    /// An expression of its own begins after it.
    Begins,
    Operand,
}

fn role(token: &Token) -> Role {
    match token {
        Token::LParen => Role::Opens,
        Token::RParen => Role::Closes,
        Token::Comma | Token::SemiColon => Role::Begins,
        Token::Word(word) if word.quote_style.is_none() => keyword_role(word.keyword),
        Token::Word(_) | Token::Number(..) | Token::Whitespace(_) | Token::EOF => Role::Operand,
        Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) | Token::RBracket | Token::RBrace => Role::Operand,
        _ => Role::Operator,
    }
}

fn keyword_role(keyword: Keyword) -> Role {
    use Keyword as K;
    match keyword {
        K::UNION | K::EXCEPT | K::INTERSECT | K::MINUS | K::JOIN => Role::SetOperator,
        K::AND | K::OR => Role::Connective,
        K::XOR | K::NOT | K::IS | K::IN | K::LIKE | K::ILIKE | K::RLIKE | K::REGEXP | K::BETWEEN | K::DIV => {
            Role::Operator
        }
        K::COLLATE | K::AT | K::OVERLAPS | K::SIMILAR => Role::Operator,
        K::SELECT | K::FROM | K::WHERE | K::GROUP | K::HAVING | K::QUALIFY | K::ORDER | K::BY | K::LIMIT | K::ON => {
            Role::Begins
        }
        K::WHEN | K::THEN | K::ELSE | K::VALUES => Role::Begins,
        _ => Role::Operand,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::LIMIT;
    use crate::{DialectError, parse};

    #[test]
    fn long_chains_are_refused_whatever_they_are_made_of() {
        let times = |text: &str, count: usize| text.repeat(count);
        for (start, link) in [
            ("SELECT 1", " + 1"),
            ("SELECT true", " AND true"),
            ("SELECT 1", "::int"),
            ("SELECT x", "[0]"),
            ("SELECT x", ".y"),
            ("SELECT 1", " IS NULL"),
            ("SELECT 1", " UNION ALL SELECT 1"),
            ("SELECT * FROM t", " JOIN t ON true"),
            ("SELECT * FROM t", " CROSS JOIN t"),
        ] {
            let sql = format!("{start}{}", times(link, 100_000));
            assert!(matches!(parse(&sql), Err(DialectError::TooDeep { .. })), "{link}");
        }
        let nested = format!("SELECT {}1{}", times("(1 + ", 20), times(")", 20));
        parse(&nested).unwrap();
    }

    #[test]
    fn long_lists_are_not_deep() {
        parse(&format!("SELECT a{} FROM t", ", a + b * c".repeat(2_000))).unwrap();
        parse(&format!("SELECT CASE {} END", "WHEN a = 1 AND b = 2 THEN c + 1 ".repeat(500))).unwrap();
        parse(&format!("SELECT * FROM t WHERE a IN (1{})", ", 2".repeat(5_000))).unwrap();
        parse(&format!("SELECT 1{}", " + 1".repeat(LIMIT))).unwrap();
        parse(&format!("SELECT a = 1{}", " AND a + 1 = b".repeat(LIMIT - 2))).unwrap();
    }
}
