//! The landing page of the demonstration, served from an address of its own: another origin than the API, as landing
//! pages are in life.

use std::net::TcpListener;

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};

const PAGE: &str = include_str!("landing_page.html");

/// Serves the page on `listener`; its form posts to `action`.
pub fn start(listener: TcpListener, action: &str) -> std::io::Result<Server> {
    let page = PAGE.replace("{{action}}", action);
    let server = HttpServer::new(move || {
        let page = page.clone();
        let show = move || {
            let page = page.clone();
            async move { HttpResponse::Ok().content_type("text/html; charset=utf-8").body(page) }
        };
        App::new().route("/", web::get().to(show))
    });
    Ok(server.workers(1).disable_signals().listen(listener)?.run())
}
