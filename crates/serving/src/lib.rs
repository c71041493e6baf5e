//! Answers for other tools: SQL over HTTP (Arrow, JSON, CSV) and over PostgreSQL's wire protocol, read-only, within the limits of the query engine.
