//! `ripen demo`: a workspace to play with, and a landing page that feeds it.

use std::net::SocketAddr;

use crate::cli::{self, Failure};
use crate::config::Config;

/// Runs the service with the demonstration.
pub async fn run(config: &Config, _landing: SocketAddr) -> Result<(), Failure> {
    let state = cli::prepare(config).await?;
    let listener = cli::bind(config.listen)?;
    cli::serve_until_told(config, state, listener).await
}
