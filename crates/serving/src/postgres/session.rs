//! Sessions of PostgreSQL's dialect on the engine's tables.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::catalog::information_schema::{INFORMATION_SCHEMA, InformationSchemaProvider};
use datafusion::catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProviderList};
use datafusion::common::ScalarValue;
use datafusion::common::config::Dialect;
use datafusion::error::DataFusionError;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogStaticTables};
use datafusion_postgres::datafusion_pg_catalog::setup_pg_catalog;
use pinflow_query::{QueryEngine, QueryWatch};

use super::catalog::PostgresCatalog;
use super::search_path;
use super::startup::SERVER_VERSION;

/// The schema of PostgreSQL's own tables.
pub(super) const PG_CATALOG: &str = "pg_catalog";

/// What every connection's session is made of.
pub(super) struct SessionTemplate {
    engine: Arc<QueryEngine>,
    state: SessionState,
}

impl SessionTemplate {
    /// Schemas that are PostgreSQL's.
    pub const OWN_SCHEMAS: &[&str] = &[PG_CATALOG, INFORMATION_SCHEMA];

    /// A template on the tables of `engine`.
    ///
    /// # Errors
    /// Where the tables of `pg_catalog` cannot be made.
    pub fn new(engine: Arc<QueryEngine>) -> Result<Self, DataFusionError> {
        let mut config = SessionConfig::new()
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema(QueryEngine::CATALOG, QueryEngine::DEFAULT_SCHEMA);
        config.options_mut().sql_parser.dialect = Dialect::PostgreSQL;
        config.options_mut().execution.time_zone = Some("UTC".to_owned());
        let builder = SessionStateBuilder::new().with_config(config).with_default_features();
        let session = SessionContext::new_with_state(engine.bound(builder).build());
        let catalog = Arc::new(PostgresCatalog::new(engine.tables(false), engine.tables(true)));
        session.register_catalog(QueryEngine::CATALOG, Arc::clone(&catalog) as Arc<dyn CatalogProvider>);
        setup_pg_catalog(&session, QueryEngine::CATALOG, EmptyContextProvider).map_err(|cause| *cause)?;
        search_path::functions(QueryEngine::DEFAULT_SCHEMA)
            .into_iter()
            .chain([version(), to_regtype()])
            .for_each(|function| session.register_udf(function));

        // Lists of tables and columns look at the committed tables: what is on its way to them changes none.
        let listed: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
        listed.register_catalog(QueryEngine::CATALOG.to_owned(), engine.tables(false));
        let static_tables = Arc::new(PgCatalogStaticTables::try_new()?);
        let pg_catalog = PgCatalogSchemaProvider::try_new(Arc::clone(&listed), static_tables, EmptyContextProvider)?;
        catalog.register_schema(PG_CATALOG, Arc::new(pg_catalog))?;
        catalog.register_schema(INFORMATION_SCHEMA, Arc::new(InformationSchemaProvider::new(listed)))?;
        Ok(Self { engine, state: session.state() })
    }

    /// A session whose queries `watch` watches.
    pub fn session(&self, watch: &QueryWatch) -> SessionContext {
        let mut state = self.state.clone();
        state.config_mut().set_extension(Arc::new(watch.clone()));
        SessionContext::new_with_state(state)
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<QueryEngine> {
        &self.engine
    }
}

/// `version()`: tools that know several databases read the name and the number out of it.
fn version() -> ScalarUDF {
    let text = ScalarValue::Utf8(Some(format!("PostgreSQL {SERVER_VERSION}")));
    let answer = move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(text.clone()));
    create_udf("version", vec![], DataType::Utf8, Volatility::Stable, Arc::new(answer))
}

/// `to_regtype(name)`: drivers ask it for types of extensions, of which there are none.
fn to_regtype() -> ScalarUDF {
    let answer = |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(ScalarValue::Int32(None)));
    create_udf("to_regtype", vec![DataType::Utf8], DataType::Int32, Volatility::Stable, Arc::new(answer))
}
