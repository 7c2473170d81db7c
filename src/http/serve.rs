//! The running service: all routes, the server around them, and a graceful end.

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use utoipa_swagger_ui::SwaggerUi;

use super::frame::frame;
use super::routes::Routes;
use super::{State, health};

/// Seconds that requests under way have to end when the service is told to stop.
const GRACE_S: u64 = 20;

/// Every path of the service, feature by feature. Fixed paths come before those with parameters.
pub fn routes(routes: &mut Routes<'_>) {
    routes
        .configure(crate::accounts::handlers::routes)
        .configure(crate::contacts::handlers::routes)
        .configure(crate::timeline::handlers::routes)
        .configure(crate::merges::handlers::routes)
        .configure(crate::matching::handlers::routes)
        .configure(crate::linking::handlers::routes)
        .configure(crate::closing::handlers::routes)
        .configure(crate::leads::handlers::routes)
        .configure(crate::opportunities::handlers::routes)
        .configure(crate::forms::handlers::routes)
        .configure(crate::proposals::handlers::routes)
        .configure(crate::provenance::handlers::routes)
        .configure(crate::interactions::handlers::routes)
        .configure(crate::assets::handlers::routes)
        .configure(crate::scoring::handlers::routes)
        .configure(crate::scoring::shadow_handlers::routes)
        .configure(crate::filter::handlers::routes)
        .configure(crate::backtests::handlers::routes)
        .configure(crate::process::handlers::routes)
        .configure(crate::assignment::handlers::routes)
        .configure(crate::tasks::handlers::routes)
        .configure(crate::alerts::handlers::routes)
        .configure(crate::interactions::touch_handlers::routes)
        .configure(crate::reports::handlers::routes)
        .configure(crate::events::handlers::routes)
        .configure(crate::jobs::handlers::routes)
        .configure(crate::workspaces::handlers::routes)
        .configure(crate::auth::handlers::routes)
        .service(health::live)
        .service(health::ready)
        .service(health::openapi);
}

/// Starts the service on `listener`. The server runs until it is told to stop through its handle.
pub fn start(listener: TcpListener, state: web::Data<State>, workers: usize) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        let docs = SwaggerUi::new("/docs/{_:.*}").config(utoipa_swagger_ui::Config::new(["/openapi.json"]));
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(frame))
            .configure(|worker| routes(&mut Routes::Served(worker)))
            .service(web::redirect("/docs", "/docs/"))
            .service(docs)
    });
    let server = server
        .workers(workers)
        .disable_signals()
        .client_request_timeout(Duration::from_secs(5))
        .client_disconnect_timeout(Duration::from_secs(2))
        .keep_alive(Duration::from_secs(75))
        .max_connections(25_000)
        .shutdown_timeout(GRACE_S)
        .listen(listener)?;
    Ok(server.run())
}
