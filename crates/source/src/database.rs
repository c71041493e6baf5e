//! A connected source database of one of three kinds, and how they differ.

use std::fmt::Display;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, MySqlPool, PgPool, SqlitePool};

use crate::address::{Address, Options};
use crate::error::SourceError;
use crate::value::ColumnType;

/// A source database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Database {
    pub(crate) address: Address,
    pub(crate) pool: Pool,
}

#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    MySql(MySqlPool),
    Postgres(PgPool),
}

impl Database {
    /// Connects to a database that exists.
    ///
    /// # Errors
    /// [`SourceError::NoSuchFile`] for SQLite; [`SourceError::Connect`] with the reason.
    pub async fn connect(address: &Address) -> Result<Self, SourceError> {
        if let Options::Sqlite(options) = &address.options
            && is_missing_file(options)
        {
            return Err(SourceError::NoSuchFile { address: address.to_string() });
        }
        Self::open(address, address.options.clone()).await
    }

    /// Connects to a database; makes the file where it is a SQLite database that does not exist.
    ///
    /// # Errors
    /// [`SourceError::Connect`] with the reason.
    pub async fn connect_or_create(address: &Address) -> Result<Self, SourceError> {
        let options = match address.options.clone() {
            Options::Sqlite(options) => Options::Sqlite(options.create_if_missing(true)),
            server => server,
        };
        Self::open(address, options).await
    }

    async fn open(address: &Address, options: Options) -> Result<Self, SourceError> {
        // One connection is made at once and by itself: a pool would try again for half a minute and then say that it
        // timed out, not why.
        let connected = match options {
            Options::Sqlite(options) => probe::<sqlx::SqliteConnection>(&options)
                .await
                .map(|()| Pool::Sqlite(SqlitePool::connect_lazy_with(options))),
            Options::MySql(options) => probe::<sqlx::MySqlConnection>(&options)
                .await
                .map(|()| Pool::MySql(MySqlPool::connect_lazy_with(options))),
            Options::Postgres(options) => {
                probe::<sqlx::PgConnection>(&options).await.map(|()| Pool::Postgres(PgPool::connect_lazy_with(options)))
            }
        };
        match connected {
            Ok(pool) => Ok(Self { address: address.clone(), pool }),
            Err(cause) => Err(SourceError::Connect { address: address.to_string(), cause }),
        }
    }

    /// The address that it was reached by.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Closes the connections. A database that is dropped closes them too, but does not wait.
    pub async fn close(self) {
        match self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::MySql(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.pool {
            Pool::Sqlite(_) => Dialect::Sqlite,
            Pool::MySql(_) => Dialect::MySql,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) fn table_error(&self, action: &'static str, table: &str) -> impl FnOnce(sqlx::Error) -> SourceError {
        let (table, address) = (table.to_owned(), self.address.to_string());
        move |cause| SourceError::Table { action, table, address, cause }
    }
}

/// Connects once and closes again.
async fn probe<C: Connection>(options: &C::Options) -> Result<(), sqlx::Error> {
    C::connect_with(options).await?.close().await
}

fn is_missing_file(options: &SqliteConnectOptions) -> bool {
    let path = options.get_filename();
    // In-memory databases have a name like `file:...`.
    !path.starts_with("file:") && !path.to_string_lossy().starts_with("file:") && !path.exists()
}

/// Where the three databases' SQL differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    MySql,
    Postgres,
}

impl Dialect {
    /// A name as a quoted identifier.
    pub(crate) fn quote(self, name: &str) -> String {
        match self {
            // SQLite takes MySQL's quotes too; an unknown name in double quotes it would take for a text.
            Dialect::MySql | Dialect::Sqlite => format!("`{}`", name.replace('`', "``")),
            Dialect::Postgres => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    pub(crate) fn type_name(self, kind: ColumnType) -> impl Display {
        match (kind, self) {
            (ColumnType::Bigint, _) => "BIGINT",
            (ColumnType::Double, _) => "DOUBLE PRECISION",
            (ColumnType::Text, _) => "TEXT",
            (ColumnType::Datetime, Dialect::Postgres) => "TIMESTAMP",
            (ColumnType::Datetime, _) => "DATETIME",
        }
    }
}
