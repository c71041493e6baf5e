//! Spark functions that take an `int` where a literal of the dialect is a `bigint`: `date_add(d, 3)`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion_spark::function::{datetime, math, string};

/// All of them.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let dated = [datetime::date_add(), datetime::date_sub(), datetime::add_months()]
        .map(|inner| IntArguments::new(inner, &[DataType::Date32, DataType::Int32]));
    let counted = [string::space(), math::factorial()].map(|inner| IntArguments::new(inner, &[DataType::Int32]));
    dated.into_iter().chain(counted).map(ScalarUDF::new_from_impl).collect()
}

/// A function whose arguments are cast to the types that it wants.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IntArguments {
    inner: Arc<ScalarUDF>,
    parameters: Vec<DataType>,
    signature: Signature,
}

impl IntArguments {
    fn new(inner: Arc<ScalarUDF>, parameters: &[DataType]) -> Self {
        Self { inner, parameters: parameters.to_vec(), signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for IntArguments {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        crate::function::expect_arguments(self.name(), arguments, self.parameters.len(), self.parameters.len())?;
        Ok(self.parameters.clone())
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, context)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }
}
