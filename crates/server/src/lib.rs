//! The HTTP server: listeners, TLS, and the limits that a connection has to keep. It knows no routes.
