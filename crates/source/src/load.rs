//! Fills an empty database with generated rows. The rows of all tables are committed together: a load that is
//! interrupted leaves no row behind, and can be repeated.

use sqlx::types::chrono::NaiveDateTime;
use sqlx::{AssertSqlSafe, Encode, Executor, IntoArguments, MySql, Postgres, QueryBuilder, Sqlite, Transaction, Type};

use crate::database::{Database, Dialect, Pool};
use crate::error::SourceError;
use crate::generate::Generator;
use crate::spec::{SourceSpec, Table};
use crate::value::{ColumnType, Value, time_of};

/// Rows a statement: few enough for every database's limit on parameters (SQLite: 32,766), many enough that the
/// statements' own cost vanishes.
const ROWS_A_STATEMENT: usize = 250;

impl Database {
    /// Makes the tables of `spec` and fills each with the rows from 0 to before `rows`. After every batch `progress` is
    /// told how many rows each table has so far.
    ///
    /// # Errors
    /// [`SourceError::NotEmpty`] before anything is written, where one of the tables has rows;
    /// [`SourceError::NoColumns`]; [`SourceError::Table`] with the database's reason.
    pub async fn load(
        &self,
        spec: &SourceSpec,
        seed: u64,
        rows: u64,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<(), SourceError> {
        if let Some(table) = spec.tables.iter().find(|table| table.columns.is_empty()) {
            return Err(SourceError::NoColumns { table: table.name.clone(), file: spec.path.clone() });
        }
        let mut open = self.begin().await.map_err(self.table_error("write", &spec.tables[0].name))?;
        for table in &spec.tables {
            for statement in create_statements(self.dialect(), table) {
                open.execute(statement).await.map_err(self.table_error("create", &table.name))?;
            }
        }
        for table in &spec.tables {
            let any = format!("SELECT 1 FROM {} LIMIT 1", self.dialect().quote(&table.name));
            if open.finds_a_row(any).await.map_err(self.table_error("read", &table.name))? {
                return Err(SourceError::NotEmpty { table: table.name.clone(), address: self.address.to_string() });
            }
        }
        let generator = Generator::new(spec, seed);
        let mut done = 0;
        while done < rows {
            let until = rows.min(done + ROWS_A_STATEMENT as u64);
            let mut batches: Vec<Vec<Vec<Value>>> = spec.tables.iter().map(|_| Vec::new()).collect();
            for number in done..until {
                for (batch, row) in batches.iter_mut().zip(generator.row(number)) {
                    batch.push(row);
                }
            }
            for (table, batch) in spec.tables.iter().zip(batches) {
                open.insert(table, batch).await.map_err(self.table_error("fill", &table.name))?;
            }
            done = until;
            progress(done);
        }
        open.commit().await.map_err(self.table_error("fill", &spec.tables[0].name))
    }

    async fn begin(&self) -> Result<OpenTransaction, sqlx::Error> {
        Ok(match &self.pool {
            Pool::Sqlite(pool) => OpenTransaction::Sqlite(pool.begin().await?),
            Pool::MySql(pool) => OpenTransaction::MySql(pool.begin().await?),
            Pool::Postgres(pool) => OpenTransaction::Postgres(pool.begin().await?),
        })
    }
}

/// The table, and an index on its link. MySQL has no `CREATE INDEX IF NOT EXISTS`; there the table holds it.
fn create_statements(dialect: Dialect, table: &Table) -> Vec<String> {
    let name = dialect.quote(&table.name);
    let link = dialect.quote(&table.link);
    let columns = table.columns.iter();
    let columns = columns.map(|column| format!("{} {}", dialect.quote(&column.name), dialect.type_name(column.kind)));
    let columns = columns.collect::<Vec<_>>().join(", ");
    if dialect == Dialect::MySql {
        return vec![format!("CREATE TABLE IF NOT EXISTS {name} ({columns}, INDEX ({link})) CHARACTER SET utf8mb4")];
    }
    let index = dialect.quote(&format!("{}_{}", table.name, table.link));
    vec![
        format!("CREATE TABLE IF NOT EXISTS {name} ({columns})"),
        format!("CREATE INDEX IF NOT EXISTS {index} ON {name} ({link})"),
    ]
}

enum OpenTransaction {
    Sqlite(Transaction<'static, Sqlite>),
    MySql(Transaction<'static, MySql>),
    Postgres(Transaction<'static, Postgres>),
}

impl OpenTransaction {
    async fn execute(&mut self, statement: String) -> Result<(), sqlx::Error> {
        let statement = sqlx::raw_sql(AssertSqlSafe(statement));
        match self {
            Self::Sqlite(open) => open.execute(statement).await.map(drop),
            Self::MySql(open) => open.execute(statement).await.map(drop),
            Self::Postgres(open) => open.execute(statement).await.map(drop),
        }
    }

    async fn finds_a_row(&mut self, query: String) -> Result<bool, sqlx::Error> {
        let query = sqlx::raw_sql(AssertSqlSafe(query));
        match self {
            Self::Sqlite(open) => open.fetch_optional(query).await.map(|row| row.is_some()),
            Self::MySql(open) => open.fetch_optional(query).await.map(|row| row.is_some()),
            Self::Postgres(open) => open.fetch_optional(query).await.map(|row| row.is_some()),
        }
    }

    async fn insert(&mut self, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(open) => insert::<Sqlite>(&mut **open, Dialect::Sqlite, table, rows).await,
            Self::MySql(open) => insert::<MySql>(&mut **open, Dialect::MySql, table, rows).await,
            Self::Postgres(open) => insert::<Postgres>(&mut **open, Dialect::Postgres, table, rows).await,
        }
    }

    async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(open) => open.commit().await,
            Self::MySql(open) => open.commit().await,
            Self::Postgres(open) => open.commit().await,
        }
    }
}

/// Inserts `rows` with one statement.
async fn insert<DB>(
    connection: &mut DB::Connection,
    dialect: Dialect,
    table: &Table,
    rows: Vec<Vec<Value>>,
) -> Result<(), sqlx::Error>
where
    DB: sqlx::Database,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
    for<'q> Option<i64>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<f64>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<String>: Encode<'q, DB> + Type<DB>,
    for<'q> Option<NaiveDateTime>: Encode<'q, DB> + Type<DB>,
{
    let names = table.columns.iter().map(|column| dialect.quote(&column.name)).collect::<Vec<_>>().join(", ");
    let mut statement = QueryBuilder::<DB>::new(format!("INSERT INTO {} ({names}) ", dialect.quote(&table.name)));
    statement.push_values(rows, |mut tuple, row| {
        for (column, value) in table.columns.iter().zip(row) {
            // A null has the type of its column: Postgres refuses another.
            match (column.kind, value) {
                (ColumnType::Bigint, Value::Int(number)) => tuple.push_bind(Some(number)),
                (ColumnType::Bigint, _) => tuple.push_bind(None::<i64>),
                (ColumnType::Double, Value::Double(number)) => tuple.push_bind(Some(number)),
                (ColumnType::Double, _) => tuple.push_bind(None::<f64>),
                (ColumnType::Text, Value::Text(text)) => tuple.push_bind(Some(text)),
                (ColumnType::Text, _) => tuple.push_bind(None::<String>),
                (ColumnType::Datetime, Value::Time(seconds)) => tuple.push_bind(time_of(seconds)),
                (ColumnType::Datetime, _) => tuple.push_bind(None::<NaiveDateTime>),
            };
        }
    });
    connection.execute(statement.build()).await.map(drop)
}
