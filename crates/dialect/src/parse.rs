//! Reads SQL text as Spark does. DataFusion's own parser takes the Spark dialect too, but leaves backslashes in literals as they
//! are, cannot plan `RLIKE`, and binds `DIV` weaker than `+`; each would be a silent difference.

use std::any::TypeId;
use std::ops::ControlFlow;

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Statement, UnaryOperator, Value, VisitMut, VisitorMut,
};
use datafusion::logical_expr::sqlparser::dialect::{DatabricksDialect, Dialect, SparkSqlDialect};
use datafusion::logical_expr::sqlparser::keywords::Keyword;
use datafusion::logical_expr::sqlparser::parser::{Parser, ParserError};
use datafusion::logical_expr::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DataFusionStatement;

use crate::{DialectError, depth};

/// How deep expressions may nest.
const RECURSION_LIMIT: usize = 64;

/// Parses one statement; a trailing `;` is allowed.
///
/// # Errors
/// [`DialectError::Syntax`], [`DialectError::TooDeep`], [`DialectError::Empty`], [`DialectError::Several`].
pub fn parse(sql: &str) -> Result<Statement, DialectError> {
    let syntax = |message: String| DialectError::Syntax { message };
    let mut tokens = Tokenizer::new(&SparkText, sql)
        .with_unescape(false)
        .tokenize_with_location()
        .map_err(|e| syntax(e.to_string()))?;
    tokens.iter_mut().for_each(unescape_token);
    depth::check(&tokens)?;
    let tokens = type_number_literals(tokens);
    let mut statements = Parser::new(&SparkText)
        .with_recursion_limit(RECURSION_LIMIT)
        .with_tokens_with_locations(tokens)
        .parse_statements()
        .map_err(|e| syntax(e.to_string().trim_start_matches("sql parser error: ").to_owned()))?;
    match (statements.pop(), statements.len()) {
        (None, _) => Err(DialectError::Empty),
        (Some(mut statement), 0) => {
            let _ = VisitMut::visit(&mut statement, &mut SparkOperators);
            Ok(statement)
        }
        (Some(_), others) => Err(DialectError::Several { count: others + 1 }),
    }
}

/// Parses one statement and plans it on the tables and functions of `session`.
///
/// # Errors
/// As [`parse`]; [`DialectError::Plan`] for unknown tables, columns, functions, or wrong types.
pub async fn plan(session: &SessionContext, sql: &str) -> Result<LogicalPlan, DialectError> {
    let statement = DataFusionStatement::Statement(Box::new(parse(sql)?));
    Ok(session.state().statement_to_plan(statement).await?)
}

/// sqlparser's Spark dialect with backslash escapes in literals, `DIV` that binds like `*`, and `array(...)` as a function.
#[derive(Debug)]
struct SparkText;

const SPARK: SparkSqlDialect = SparkSqlDialect;

impl Dialect for SparkText {
    /// Where the parser asks for a dialect by name: under the others `array(` begins a sub-query.
    fn dialect(&self) -> TypeId {
        TypeId::of::<DatabricksDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        SPARK.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        SPARK.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        SPARK.is_identifier_part(ch)
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_long_type_as_bigint(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn require_interval_qualifier(&self) -> bool {
        true
    }

    fn supports_bang_not_operator(&self) -> bool {
        true
    }

    fn supports_cte_without_as(&self) -> bool {
        true
    }

    /// `VERSION AS OF`, `TIMESTAMP AS OF`; the query engine gives them their meaning.
    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn parse_infix(&self, parser: &mut Parser<'_>, left: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        parser.parse_keyword(Keyword::DIV).then(|| {
            let right = Box::new(parser.parse_subexpr(precedence)?);
            Ok(Expr::BinaryOp { left: Box::new(left.clone()), op: BinaryOperator::MyIntegerDivide, right })
        })
    }
}

fn unescape_token(token: &mut TokenWithSpan) {
    match &mut token.token {
        Token::SingleQuotedString(text) => *text = unescape(text, '\''),
        Token::DoubleQuotedString(text) => *text = unescape(text, '"'),
        Token::Word(word) if word.quote_style == Some('`') => word.value = word.value.replace("``", "`"),
        _ => {}
    }
}

/// `1e3`, `1.5D` and `2F` are doubles and floats in Spark, which DataFusion would read as decimals or not at all: they become casts of
/// their text. The suffixes `BD`, `S` and `Y` are dropped: those literals are decimals and whole numbers without them too.
fn type_number_literals(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut typed = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let Token::Number(digits, false) = &token.token else {
            typed.push(token);
            continue;
        };
        let suffix = rest
            .next_if(|next| is_number_suffix(next, &token.span))
            .map(|next| next.token.to_string().to_ascii_uppercase());
        match suffix.as_deref() {
            Some("D") => push_cast(&mut typed, digits, "DOUBLE", token.span),
            Some("F") => push_cast(&mut typed, digits, "FLOAT", token.span),
            None if digits.contains(['e', 'E']) => push_cast(&mut typed, digits, "DOUBLE", token.span),
            _ => typed.push(token),
        }
    }
    typed
}

/// A suffix stands right behind the digits.
fn is_number_suffix(next: &TokenWithSpan, digits: &Span) -> bool {
    let Token::Word(word) = &next.token else { return false };
    let known = ["D", "F", "BD", "S", "Y"].iter().any(|suffix| word.value.eq_ignore_ascii_case(suffix));
    known && word.quote_style.is_none() && next.span.start == digits.end
}

fn push_cast(tokens: &mut Vec<TokenWithSpan>, digits: &str, to: &str, span: Span) {
    let digits = Token::SingleQuotedString(digits.to_owned());
    let cast = [
        Token::make_keyword("CAST"),
        Token::LParen,
        digits,
        Token::make_keyword("AS"),
        Token::make_keyword(to),
        Token::RParen,
    ];
    tokens.extend(cast.map(|token| TokenWithSpan::new(token, span)));
}

/// Spark's rule (`SparkParserUtils.unescapeSQLString`): the known escapes, `\%` and `\_` kept for `LIKE`, any other
/// escaped character stands for itself; a doubled quote is one quote.
fn unescape(raw: &str, quote: char) -> String {
    if !raw.contains(['\\', quote]) {
        return raw.to_owned();
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(c) = rest.next() {
        if c == quote {
            text.push(c);
            // The tokenizer let a quote through only as one of a pair.
            rest.next();
        } else if c != '\\' {
            text.push(c);
        } else if let Some((code, taken)) = coded_character(rest.as_str()) {
            text.push(code);
            rest = rest.as_str()[taken..].chars();
        } else {
            match rest.next() {
                Some('0') => text.push('\0'),
                Some('b') => text.push('\u{8}'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('Z') => text.push('\u{1a}'),
                Some(wildcard @ ('%' | '_')) => text.extend(['\\', wildcard]),
                Some(other) => text.push(other),
                None => text.push('\\'),
            }
        }
    }
    text
}

/// `u0041` or `101` (octal, up to 177) after a backslash: the character, and how many bytes it took.
fn coded_character(after: &str) -> Option<(char, usize)> {
    if let Some(digits) = after.strip_prefix('u').and_then(|d| d.get(..4)) {
        return Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, 5));
    }
    let digits = after.get(..3).filter(|d| d.starts_with(['0', '1']) && d.bytes().all(|b| matches!(b, b'0'..=b'7')))?;
    Some((char::from_u32(u32::from_str_radix(digits, 8).ok()?)?, 3))
}

/// `a RLIKE b` becomes `rlike(a, b)` and `!a` `NOT a`, which DataFusion can plan. `BETWEEN`, and `IN` with decimals, become comparisons,
/// so that they compare as Spark does: DataFusion would read doubles beside decimals as decimals, and lose the large ones.
struct SparkOperators;

impl VisitorMut for SparkOperators {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::UnaryOp { op: op @ UnaryOperator::BangNot, .. } = expr {
            *op = UnaryOperator::Not;
        }
        if let Expr::Between { expr: value, negated, low, high } = expr {
            let at_least = binary(value.as_ref().clone(), BinaryOperator::GtEq, low.as_ref().clone());
            let at_most = binary(value.as_ref().clone(), BinaryOperator::LtEq, high.as_ref().clone());
            *expr = negate(*negated, binary(at_least, BinaryOperator::And, at_most));
        }
        if let Expr::InList { expr: value, list, negated } = expr
            && list.iter().any(is_decimal)
        {
            let equal = list.drain(..).map(|item| binary(value.as_ref().clone(), BinaryOperator::Eq, item));
            if let Some(any) = any_of(equal.collect()) {
                *expr = negate(*negated, any);
            }
        }
        if let Expr::RLike { negated, expr: text, pattern, .. } = expr {
            let call = function_call("rlike", [text.as_ref().clone(), pattern.as_ref().clone()]);
            *expr = negate(*negated, call);
        }
        ControlFlow::Continue(())
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

/// All joined by `OR`, as a tree without deep branches.
fn any_of(mut conditions: Vec<Expr>) -> Option<Expr> {
    while conditions.len() > 1 {
        let mut pairs = conditions.into_iter();
        conditions = Vec::new();
        while let Some(left) = pairs.next() {
            conditions.push(match pairs.next() {
                Some(right) => binary(left, BinaryOperator::Or, right),
                None => left,
            });
        }
    }
    conditions.pop()
}

fn negate(negated: bool, expr: Expr) -> Expr {
    if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) } } else { expr }
}

fn is_decimal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(&value.value, Value::Number(digits, _) if digits.contains('.')))
}

fn function_call(name: &str, args: [Expr; 2]) -> Expr {
    let args = args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: Vec::new() }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_sparks() {
        let cases = [
            (r"plain", "plain"),
            (r"\\d+", r"\d+"),
            (r"\d+", "d+"),
            (r"a\tb\n", "a\tb\n"),
            (r"it\'s", "it's"),
            (r"50\%\_", r"50\%\_"),
            (r"\u0041\101é", "AAé"),
            (r"\u00", "u00"),
        ];
        for (raw, text) in cases {
            assert_eq!(unescape(raw, '\''), text, "{raw}");
        }
        assert_eq!(unescape("it''s", '\''), "it's");
    }

    #[test]
    fn one_statement_only() {
        assert!(matches!(parse(" -- nothing\n"), Err(DialectError::Empty)));
        assert!(matches!(parse("SELECT 1; SELECT 2"), Err(DialectError::Several { count: 2 })));
        assert!(parse("SELECT 1;").is_ok());
        assert!(matches!(parse("SELEC 1"), Err(DialectError::Syntax { .. })));
        assert!(matches!(parse("SELECT 'open"), Err(DialectError::Syntax { .. })));
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(matches!(parse(&deep), Err(DialectError::Syntax { .. })));
    }
}
