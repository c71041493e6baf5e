//! `LIKE 'a/_b' ESCAPE '/'`: the engine knows the backslash alone, so a pattern with another escape is written with it.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, Like, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

/// Writes patterns with backslashes.
#[derive(Debug)]
pub struct LikeEscapes;

impl AnalyzerRule for LikeEscapes {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let written = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expression| {
                let name = names.save(&expression);
                Ok(expression.transform_up(with_backslashes)?.update_data(|expression| name.restore(expression)))
            })
        })?;
        Ok(written.data)
    }

    fn name(&self) -> &str {
        "like_escapes"
    }
}

fn with_backslashes(expression: Expr) -> Result<Transformed<Expr>> {
    match expression {
        Expr::Like(like) if like.escape_char.is_some_and(|escape| escape != '\\') => {
            let literal = match like.pattern.as_ref() {
                Expr::Literal(value, _) => value.try_as_str().flatten().map(|pattern| (pattern, value.data_type())),
                _ => None,
            };
            let Some((pattern, kind)) = literal else {
                return plan_err!("the pattern of `LIKE ... ESCAPE` must be a literal text");
            };
            let pattern = ScalarValue::from(rewritten(pattern, like.escape_char.unwrap_or('\\'))).cast_to(&kind)?;
            Ok(Transformed::yes(Expr::Like(Like { pattern: Box::new(lit(pattern)), escape_char: None, ..like })))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// The pattern with a backslash before whatever the escape stands before, and before each backslash of its own.
fn rewritten(pattern: &str, escape: char) -> String {
    let mut text = String::with_capacity(pattern.len() + 1);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character == escape {
            text.push('\\');
            text.extend(characters.next());
        } else if character == '\\' {
            text.push_str("\\\\");
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_stands_before_one_character() {
        assert_eq!(rewritten("pg/_%", '/'), "pg\\_%");
        assert_eq!(rewritten("a//b/%", '/'), "a\\/b\\%");
        assert_eq!(rewritten("a\\b", '/'), "a\\\\b");
    }
}
