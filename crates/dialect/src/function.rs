//! A scalar function from its parts, so that each function's file holds its rule and nothing else.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// What the function takes and gives: from the argument types as written to those that the kernel gets, and its answer's type.
type Typing = dyn Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync;
/// The work on whole arrays, all of one length. Literal arguments come as arrays of one row.
type Kernel = dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync;
/// Of which arguments the answer is this one: from the first to before the second, where there are such.
type Preimage = dyn Fn(&ScalarValue) -> Option<(ScalarValue, ScalarValue)> + Send + Sync;

/// A deterministic function over arrow arrays.
pub(crate) struct Function {
    name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
    typing: Box<Typing>,
    kernel: Box<Kernel>,
    preimage: Option<Box<Preimage>>,
}

impl Function {
    /// A function `name`; see [`Typing`] and [`Kernel`].
    pub fn new(
        name: &'static str,
        typing: impl Fn(&[DataType]) -> Result<(Vec<DataType>, DataType)> + Send + Sync + 'static,
        kernel: impl Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            aliases: Vec::new(),
            signature: Signature::user_defined(Volatility::Immutable),
            typing: Box::new(typing),
            kernel: Box::new(kernel),
            preimage: None,
        }
    }

    /// The same function under further names.
    pub fn with_aliases(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|&alias| alias.to_owned()).collect();
        self
    }

    /// The same function of one argument, where comparing its answer with a literal is comparing the argument with the ends of a range:
    /// then the function need not be called, and files can be skipped by what is known of the argument's column.
    pub fn with_preimage(
        mut self,
        preimage: impl Fn(&ScalarValue) -> Option<(ScalarValue, ScalarValue)> + Send + Sync + 'static,
    ) -> Self {
        self.preimage = Some(Box::new(preimage));
        self
    }

    /// What a session registers.
    pub fn build(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name).finish()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok((self.typing)(arguments)?.1)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok((self.typing)(arguments)?.0)
    }

    fn preimage(&self, args: &[Expr], lit_expr: &Expr, info: &SimplifyContext) -> Result<PreimageResult> {
        let (Some(preimage), [argument], Some(answer)) = (&self.preimage, args, lit_expr.as_literal()) else {
            return Ok(PreimageResult::None);
        };
        match preimage(answer) {
            Some((from, to)) if info.get_data_type(argument)? == from.data_type() => {
                let interval = Box::new(Interval::try_new(from, to)?);
                Ok(PreimageResult::Range { expr: argument.clone(), interval })
            }
            _ => Ok(PreimageResult::None),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        evaluate(&args.args, args.number_rows, &self.kernel)
    }
}

/// Runs `kernel`: once where every argument is a literal, else on arrays, in which a literal (a pattern, say) keeps its single row.
pub(crate) fn evaluate(args: &[ColumnarValue], rows: usize, kernel: &Kernel) -> Result<ColumnarValue> {
    if args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
        let arrays = args.iter().map(|arg| arg.to_array(1)).collect::<Result<Vec<_>>>()?;
        let answer = kernel(&arrays)?;
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?));
    }
    let arrays = args.iter().enumerate().map(|(i, arg)| {
        let literal = i > 0 && matches!(arg, ColumnarValue::Scalar(_));
        arg.to_array(if literal { 1 } else { rows })
    });
    Ok(ColumnarValue::Array(kernel(&arrays.collect::<Result<Vec<_>>>()?)?))
}

/// The index of row `row` in an argument that is either a whole array or a literal's single row.
pub(crate) fn row_of(argument: &dyn Array, row: usize) -> usize {
    if argument.len() == 1 { 0 } else { row }
}

/// The texts of an argument that [`text`] typed.
pub(crate) fn texts(argument: &ArrayRef) -> &StringViewArray {
    argument.as_string_view()
}

/// Text argument or answer of the functions here.
pub(crate) const TEXT: DataType = DataType::Utf8View;

/// Spark's `timestamp`: microseconds, UTC.
pub(crate) fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC")))
}

/// Refuses a call with another number of arguments.
pub(crate) fn expect_arguments(name: &str, arguments: &[DataType], least: usize, most: usize) -> Result<()> {
    let given = arguments.len();
    if (least..=most).contains(&given) {
        return Ok(());
    }
    let wanted = if least == most { format!("{least}") } else { format!("{least} to {most}") };
    plan_err!("`{name}` takes {wanted} arguments, {given} are given")
}
